/** Answers: each a run of the provider, apart from the tabs that read it. */
import { randomUUID } from "node:crypto";

import { createGenerations } from "stream-llm/streaming";

import { UNWATCHED_MS } from "./settings.js";

const MAX_ANSWERS = 100;

function logEnd({ id, status, finishReason, error, parts, usage, estimated, timings }) {
  const outcome = finishReason ?? error?.message ?? parts.at(-1)?.reason;
  const tokens = usage ? `${estimated ? "about " : ""}${usage.outputTokens}` : "unknown";
  const seconds = (timings.total / 1000).toFixed(1);
  console.log(`answer ${id}: ${tokens} tokens in ${seconds} s, ${status} (${outcome})`);
}

/** Its events: `start`, `token` (many), `usage`, `metadata`, then `done` or `error`. */
export const answers = createGenerations({
  protocol: "events",
  limits: { concurrent: MAX_ANSWERS },
  stopWhenUnwatched: UNWATCHED_MS,
  onFinish: logEnd,
});

/**
 * Starts an answer to a prompt.
 *
 * @param {import("./providers/index.js").Provider} provider
 * @param {string} prompt
 * @returns {Promise<import("stream-llm/streaming").Generation>} Its id cannot be guessed: who knows it may read and
 * stop the answer.
 */
export function startAnswer(provider, prompt) {
  const { model } = provider;
  return answers.start(randomUUID(), ({ signal }) => provider.open(prompt, signal), {
    model,
    prompt,
  });
}
