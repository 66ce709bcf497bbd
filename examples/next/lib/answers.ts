import { setTimeout as pause } from "node:timers/promises";
import { createGenerations, generationRoutes } from "stream-llm/streaming";
import { once } from "./once";

const maxLength = 4000;

/** Stands in for a model: `run` can return the stream of any provider's SDK instead. */
async function* answer(prompt: string, signal: AbortSignal) {
  const text = `You asked: ${prompt}\n\nThis answer is played word by word, from a route of Next.js. Reload the page while it comes: it goes on.`;
  for (const [token] of text.matchAll(/\S+\s*/g)) {
    await pause(60, undefined, { signal });
    yield { type: "text", text: token } as const;
  }
  yield { type: "finish", reason: "stop" } as const;
}

const generations = once("generations", () =>
  createGenerations({ stopWhenUnwatched: 60_000, limits: { concurrent: 20 } }),
);

export const chat = generationRoutes(generations, {
  async start(request) {
    const { id, prompt } = Object(await request.json().catch(() => undefined));
    if (typeof prompt !== "string" || prompt.length > maxLength) {
      throw new RangeError(`prompt must be text of at most ${maxLength} characters.`);
    }
    return { id, prompt, run: ({ signal }) => answer(prompt, signal) };
  },
  // The page makes up ids that nobody can guess. Where users have accounts, ask whose the answer is.
  authorize: () => true,
});
