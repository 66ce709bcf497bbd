/**
 * Where answers come from.
 *
 * @typedef {object} Provider
 * @property {string} id
 * @property {string} name - Shown on the page.
 * @property {string} model - Shown on the page.
 * @property {(messages: {role: "user" | "assistant", content: string}[], signal: AbortSignal) =>
 *   AsyncIterable<object> | Promise<AsyncIterable<object>>} open
 *   Starts an answer in OpenAI's or Anthropic's chunks, which `signal` cancels.
 */
import { local } from "./local.js";

/**
 * Those whose key is set, PROVIDER's first, then local texts, which need none. SDKs are loaded only when used.
 * @returns {Promise<Provider[]>} the first is the one asked where nobody chooses
 */
async function load(env = process.env) {
  const found = [];
  if (env.OPENAI_API_KEY) found.push((await import("./openai.js")).openai());
  if (env.ANTHROPIC_API_KEY) found.push((await import("./anthropic.js")).anthropic());
  found.push(local);
  return found.sort((a, b) => Number(b.id === env.PROVIDER) - Number(a.id === env.PROVIDER));
}

export const providers = await load();

/** US dollars for a million tokens, as the providers' price lists had them when this was written: check them. */
export const prices = {
  "gpt-5": { input: 1.25, output: 10, cachedInput: 0.125 },
  "gpt-5-mini": { input: 0.25, output: 2, cachedInput: 0.025 },
  "gpt-5-nano": { input: 0.05, output: 0.4, cachedInput: 0.005 },
  "claude-haiku-4-5": { input: 1, output: 5, cachedInput: 0.1, cacheWrite: 1.25 },
  "claude-sonnet-4-5": { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 },
};
