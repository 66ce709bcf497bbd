import { useChat } from "@ai-sdk/react";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const id = "c-1";

function textOf({ parts }: { parts: { type: string; text?: string }[] }): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** The chat of the AI SDK's documentation, on its default transport: `/api/chat`. */
function Chat() {
  const { messages, sendMessage, status, error } = useChat({ id, resume: true });
  return createElement(
    "main",
    null,
    createElement("button", { type: "button", onClick: () => sendMessage({ text: "Hi" }) }, "Ask"),
    createElement("output", { id: "status" }, error ? String(error) : status),
    messages.map((message) =>
      createElement("p", { key: message.id, className: message.role }, textOf(message)),
    ),
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(createElement(Chat));
