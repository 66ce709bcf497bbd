/** Answers: each a run of the provider, apart from the tabs that read it. */
import { createGenerations } from "stream-llm/streaming";

import { conversationWith } from "./conversations.js";
import { prices } from "./providers/index.js";
import { UNWATCHED_MS } from "./settings.js";

const MAX_ANSWER_BYTES = 256 * 1024;

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
  // What the provider says of itself is for the log.
  const error = state.error && "The answer failed.";
  Object.assign(turn, { status, text, figures: figuresOf(state), error });
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
export async function isAnswering(conversation) {
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

/**
 * Whether an answer is one of this subject's: to watch and to stop. One that there is not is refused to nobody, who is
 * told so; one that is no part of a conversation any more is nobody's.
 */
export async function isTheirs(subject, id) {
  const conversation = conversationWith(id);
  if (conversation) return conversation.owner === subject;
  return (await answers.get(id)) === undefined;
}
