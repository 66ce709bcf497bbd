/**
 * The same models for `useChat` of the Vercel AI SDK, which keeps its conversation itself, and has one id for all of
 * its answers:
 *
 *     useChat({ id, resume: true, transport: new DefaultChatTransport({ api: "/api/use-chat", headers }) })
 */
import { createGenerations, generationHandlers } from "stream-llm/streaming";

import { prices, providers } from "./providers/index.js";
import { Refusal } from "./refusal.js";
import { UNWATCHED_MS } from "./settings.js";

const MAX_CHARACTERS = 20_000;

const generations = createGenerations({
  protocol: "ai-sdk",
  prices,
  limits: { concurrent: 1, bytes: 256 * 1024 },
  stopWhenUnwatched: UNWATCHED_MS,
});

function textOf({ parts }) {
  return parts.map(({ type, text }) => (type === "text" ? String(text) : "")).join("");
}

function messagesOf(given) {
  try {
    const messages = given.map((message) => ({ role: message.role, content: textOf(message) }));
    const isKnown = messages.every(({ role }) => role === "user" || role === "assistant");
    const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
    if (isKnown && messages.at(-1)?.role === "user" && characters <= MAX_CHARACTERS)
      return messages;
  } catch {
    // No messages at all.
  }
  throw new Refusal(400, "invalid-messages", "Send the messages of useChat, a question last.");
}

/** Each reader has ids of their own, so that nobody gets at an answer of somebody else. */
const ownId = (subject, id) => `${subject}/${id}`;

const handlers = generationHandlers(generations, {
  start({ subject, body }) {
    const { id, messages: given } = Object(body);
    if (typeof id !== "string" || id === "") throw new Refusal(400, "invalid-id", "id is missing.");
    const messages = messagesOf(given);
    const [provider] = providers;
    return {
      id: ownId(subject, id),
      key: subject,
      model: provider.model,
      prompt: messages,
      run: ({ signal }) => provider.open(messages, signal),
    };
  },
  authorize: ({ subject }, id) => id.startsWith(ownId(subject, "")),
});

/** @param {(typeof handlers)["stream"]} handler */
const ofReader = (handler) => (req, res, next) => {
  req.params.id = ownId(req.subject, req.params.id);
  return handler(req, res, next);
};

export const useChat = {
  post: handlers.post,
  stream: ofReader(handlers.stream),
  stop: ofReader(handlers.stop),
  close: () => generations.close(),
};
