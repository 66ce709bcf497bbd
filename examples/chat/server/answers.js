/** Answers: each a run of the provider, apart from the tabs that read it. */
import { randomUUID } from "node:crypto";

import { createGenerations } from "stream-llm/streaming";

import { addTurn, conversationOf, conversationWith, createConversation } from "./conversations.js";
import { prices, providers } from "./providers/index.js";
import { Refusal } from "./refusal.js";
import { UNWATCHED_MS } from "./settings.js";

const MAX_PROMPT_LENGTH = 4000;
const MAX_ANSWERS = 100;
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_TURNS = 100;
/** Of all answers of a conversation. */
const MAX_CHARACTERS = 500_000;
/** Turns that the model is told of, besides the question. */
const REMEMBERED_TURNS = 10;

/** Its events: `start`, `token` (many), `usage`, `metadata`, then `done` or `error`. */
export const answers = createGenerations({
  protocol: "events",
  prices,
  // One answer at a time in a conversation, which is the key.
  limits: { concurrent: 1, bytes: MAX_ANSWER_BYTES },
  stopWhenUnwatched: UNWATCHED_MS,
  onFinish,
});

/** @returns {import("../types/conversation.ts").Figures} */
function figuresOf({ timings, usage, cost }) {
  const { timeToFirstToken, tokensPerSecond } = timings;
  return {
    timeToFirstToken,
    tokensPerSecond,
    outputTokens: usage?.outputTokens,
    cost: cost?.total,
  };
}

function keep(turn, state) {
  const { status, text } = state;
  Object.assign(turn, { status, text, figures: figuresOf(state) });
}

function onFinish(state) {
  const { id, status, finishReason, error, parts, timings, usage } = state;
  const reason = finishReason ?? error?.message ?? parts.at(-1)?.reason;
  const seconds = (timings.total / 1000).toFixed(1);
  console.log(
    `answer ${id}: ${usage?.outputTokens ?? "?"} tokens, ${seconds} s, ${status} (${reason})`,
  );

  const conversation = conversationWith(id);
  const turn = conversation?.turns.find((turn) => turn.id === id);
  if (!turn) return;
  keep(turn, state);
  conversation.version++;
  conversation.channel.broadcast({ version: conversation.version, turn }, "ended");
}

/** Whether a conversation waits for an answer. One whose end tabs have been told of is kept at once. */
async function isAnswering(conversation) {
  const turn = conversation.turns.at(-1);
  if (turn?.status !== "running") return false;
  const state = await answers.get(turn.id);
  if (state?.status === "running") return true;
  if (state) keep(turn, state);
  return false;
}

/** The conversation as a page shows it; the text of what is running comes to it as a stream. */
export async function describeConversation({ id, version, turns }) {
  const running =
    turns.at(-1)?.status === "running" ? await answers.get(turns.at(-1).id) : undefined;
  const described = turns.map((turn) =>
    turn.id === running?.id ? { ...turn, figures: figuresOf(running) } : turn,
  );
  return { id, version, turns: described };
}

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

/** Whether an answer is one of this subject's: to watch and to stop. Nobody's is everybody's: there is nothing. */
export function isTheirs(subject, id) {
  const conversation = conversationWith(id);
  return !conversation || conversation.owner === subject;
}
