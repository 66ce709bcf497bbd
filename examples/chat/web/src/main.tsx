import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./App.tsx";
import "./styles/base.css";
import "./styles/header.css";
import "./styles/composer.css";
import "./styles/thread.css";
import "./styles/markdown.css";

createRoot(document.querySelector("#app") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
