"use client";

import type { FormEvent } from "react";
import { useStreamingChat } from "stream-llm/react";

/** A chat on the routes below `api/chat`, which run a generation: it survives a lost connection. */
export function Chat() {
  const { messages, isStreaming, error, send, cancel } = useStreamingChat({
    endpoint: "/api/chat",
  });

  function ask(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const prompt = String(new FormData(form).get("prompt"));
    form.reset();
    // What goes wrong is `error`.
    send(prompt).catch(() => {});
  }

  return (
    <section aria-labelledby="chat">
      <h2 id="chat">Chat</h2>
      <ol aria-live="polite" aria-busy={isStreaming}>
        {messages.map(({ role, content }, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: messages are only added
          <li key={place} className={role}>
            {content}
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={ask}>
        <input name="prompt" required maxLength={4000} aria-label="Your question" />
        {isStreaming ? (
          <button type="button" onClick={cancel}>
            Stop
          </button>
        ) : (
          <button type="submit">Send</button>
        )}
      </form>
    </section>
  );
}
