/** Questions: what a request has to be to become a run of the provider. */
import { randomUUID } from "node:crypto";

import { answers, isAnswering } from "./answers.js";
import { addTurn, conversationOf, conversationWith, createConversation } from "./conversations.js";
import { providers } from "./providers/index.js";
import { Refusal } from "./refusal.js";

const MAX_PROMPT_LENGTH = 4000;
/** At once, of all readers. */
const MAX_ANSWERS = 100;
const MAX_TURNS = 100;
/** Of all answers of a conversation. */
const MAX_CHARACTERS = 500_000;
/** Turns that the model is told of, besides the question. */
const REMEMBERED_TURNS = 10;

function messagesFor(turns, prompt) {
  const before = turns
    .filter(({ text }) => text !== "")
    .slice(-REMEMBERED_TURNS)
    .flatMap(({ prompt, text }) => [
      { role: "user", content: prompt },
      { role: "assistant", content: text },
    ]);
  return [...before, { role: "user", content: prompt }];
}

function checkPrompt(given) {
  const prompt = typeof given === "string" ? given.trim() : "";
  if (prompt && prompt.length <= MAX_PROMPT_LENGTH) return prompt;
  throw new Refusal(
    400,
    "invalid-prompt",
    `Send JSON like {"prompt": "..."}, with 1 to ${MAX_PROMPT_LENGTH} characters.`,
  );
}

function checkId(given) {
  if (given === undefined) return randomUUID();
  if (typeof given === "string" && /^[\w-]{8,64}$/.test(given)) return given;
  throw new Refusal(400, "invalid-id", "id must be 8 to 64 letters, digits, - or _.");
}

function providerOf(given) {
  const provider = given === undefined ? providers[0] : providers.find(({ id }) => id === given);
  if (provider) return provider;
  const ids = providers.map(({ id }) => id).join(", ");
  throw new Refusal(400, "invalid-provider", `provider must be one of: ${ids}.`);
}

/**
 * What a question comes down to, for `generationHandlers` and the WebSocket alike. Nothing of a conversation is
 * changed before the generation runs, which it does not for those who may not.
 *
 * @param {string} subject - who asks
 * @param {{id?: string, prompt: string, conversation?: string, turn?: number, provider?: string, tab?: string}} body -
 *   `turn` says which question of the conversation it is, where one is asked again: that one and all after it go.
 * @returns {Promise<import("stream-llm/streaming").GenerationRequest>}
 */
export async function questionOf(subject, body) {
  const { conversation: conversationId, turn, tab } = Object(body);
  const prompt = checkPrompt(body?.prompt);
  const id = checkId(body.id);
  const provider = providerOf(body.provider);
  if (conversationWith(id)) throw new Refusal(409, "generation-exists", "This id was used before.");
  if (answers.size >= MAX_ANSWERS) {
    throw new Refusal(503, "overloaded", "Too many answers are under way. Try again in a moment.");
  }
  const conversation =
    conversationId === undefined
      ? createConversation(subject)
      : conversationOf(subject, conversationId);
  if (await isAnswering(conversation)) {
    throw new Refusal(409, "answering", "This conversation waits for an answer already.");
  }

  const last = conversation.turns.length;
  const index = Number.isInteger(turn) && turn >= 0 ? Math.min(turn, last) : last;
  const kept = conversation.turns.slice(0, index);
  const characters = kept.reduce((sum, { text }) => sum + text.length, 0);
  if (index >= MAX_TURNS || characters > MAX_CHARACTERS) {
    throw new Refusal(409, "full", "This conversation is long enough. Begin a new one.");
  }
  const messages = messagesFor(kept, prompt);
  return {
    id,
    key: conversation.id,
    model: provider.model,
    prompt: messages,
    run({ signal }) {
      const asked = {
        id,
        prompt,
        provider: provider.name,
        status: "running",
        text: "",
        figures: {},
      };
      addTurn(conversation, index, asked);
      const { version } = conversation;
      conversation.channel.broadcast(
        { version, tab: typeof tab === "string" ? tab : null },
        "asked",
      );
      return provider.open(messages, signal);
    },
  };
}
