import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { createElement } from "react";
import { createRoot } from "react-dom/client";

const id = "c-1";

function textOf({ parts }: { parts: { type: string; text?: string }[] }): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

/** Where the API is, if not at `/api/chat`. */
const { transport } = globalThis as {
  transport?: ConstructorParameters<typeof DefaultChatTransport>[0];
};

/** The chat of the AI SDK's documentation, on its default transport. */
function Chat() {
  const { messages, sendMessage, status, error } = useChat({
    id,
    resume: true,
    ...(transport && { transport: new DefaultChatTransport(transport) }),
  });
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
