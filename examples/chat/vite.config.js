import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = `http://localhost:${process.env.PORT || 3000}`;

export default defineConfig({
  root: new URL("web", import.meta.url).pathname,
  plugins: [react()],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    // light-dark() and field-sizing are written as they are.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
  },
  server: {
    port: 5173,
    proxy: { "/api": { target: server, ws: true } },
  },
});
