import { useEffect, useReducer, useRef, useState } from "react";
import type { GivenMessage } from "stream-llm/client";
import { WebSocketChat } from "stream-llm/websocket";

import { tab } from "../conversation/useConversation.ts";
import { currentToken, getToken } from "../session.ts";
import { type Chat, type ChatOptions, turnOf } from "./chat.ts";

/**
 * Brings the token, each time it connects: a page can set no headers here, but protocols. The server closes it when
 * that token expires; it goes on with the next one.
 */
class AuthorizedSocket extends WebSocket {
  constructor(url: string | URL) {
    super(url, ["stream-llm", currentToken()]);
  }
}

const address = () => `${location.origin.replace(/^http/, "ws")}/api/ws`;

/** Where a chat begins: with an answer to take up, a question to ask, or neither. */
interface Start {
  messages: readonly GivenMessage[];
  running?: string | undefined;
  prompt?: string | undefined;
}

const changes = [
  "message",
  "streaming-start",
  "token",
  "restart",
  "streaming-end",
  "error",
] as const;

/** Over a WebSocket, which is open while there is something to say. */
export function useWebSocketChat(options: ChatOptions): Chat {
  const latest = useRef(options);
  const [start, setStart] = useState<Start>(options);
  const [chat, setChat] = useState<WebSocketChat>();
  const [error, setError] = useState<Error>();
  const [, show] = useReducer((count: number) => count + 1, 0);

  useEffect(() => {
    latest.current = options;
  });

  useEffect(() => {
    const opened = new WebSocketChat({
      url: address,
      WebSocket: AuthorizedSocket,
      messages: start.messages,
      // The server keeps what was said: it is not sent again.
      body: ({ prompt, messages }) => {
        const { conversation, provider } = latest.current;
        return { prompt, conversation, provider, tab, turn: turnOf(messages) };
      },
      retry: { maxRetries: 10, maxDelay: 5000 },
    });
    let frame = 0;
    const changed = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        show();
      });
    };
    const listening = [
      opened.on("token", () => latest.current.onToken()),
      opened.on("streaming-start", () => setError(undefined)),
      opened.on("error", setError),
      ...changes.map((event) => opened.on(event, changed)),
    ];
    let isClosed = false;
    getToken().then(() => {
      if (isClosed) return;
      const { running, prompt } = start;
      const answer = prompt ? opened.send(prompt) : running && opened.resume(running);
      if (answer) answer.catch(() => {}); // told by the event
      setChat(opened);
    }, setError);
    return () => {
      isClosed = true;
      for (const off of listening) off();
      cancelAnimationFrame(frame);
      opened.close();
      setChat(undefined);
    };
  }, [start]);

  return {
    messages: chat?.getMessages() ?? start.messages,
    isStreaming: chat?.getIsStreaming() ?? !!(start.running || start.prompt),
    error,
    refusal: undefined,
    send: (prompt) => getToken().then(() => chat?.send(prompt).catch(() => {}), setError),
    cancel: () => chat?.cancel(),
    // A new chat, with what was said before the question.
    retry() {
      const messages = chat?.getMessages() ?? [];
      const last = messages.findLastIndex(({ role }) => role === "user");
      setStart({ messages: messages.slice(0, last), prompt: messages[last]?.content });
    },
  };
}
