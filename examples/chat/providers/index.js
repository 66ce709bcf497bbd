/**
 * Where answers come from.
 *
 * @typedef {object} Provider
 * @property {string} name - Shown on the page.
 * @property {string} model - Shown on the page.
 * @property {(prompt: string) => string} [titleFor] - What an answer is about, when that is known before it is read.
 * @property {(prompt: string, signal: AbortSignal) => AsyncIterable<object> | Promise<AsyncIterable<object>>} open
 *   Starts an answer in OpenAI's or Anthropic's chunks, which `signal` cancels.
 */
import { embedded } from "./embedded.js";

/**
 * The provider whose key is set; with both keys, PROVIDER=anthropic prefers Anthropic. SDKs are loaded only when used.
 * @returns {Promise<Provider>}
 */
export async function chooseProvider(env = process.env) {
  const preferAnthropic = env.PROVIDER === "anthropic" || !env.OPENAI_API_KEY;
  if (env.ANTHROPIC_API_KEY && preferAnthropic) return (await import("./anthropic.js")).anthropic();
  if (env.OPENAI_API_KEY) return (await import("./openai.js")).openai();
  return embedded;
}
