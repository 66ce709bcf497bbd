/** Asks the server and reads the answer's events. */
import { EventSourceParserStream } from "/vendor/eventsource-parser/stream.js";
import { forget } from "./running.js";

/** The server could not answer, or the answer broke off; the message is for the reader. */
export class AnswerError extends Error {}

async function request(url, init) {
  const response = await fetch(url, init).catch(() => {
    throw new AnswerError("The server cannot be reached.");
  });
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw new AnswerError(error ?? `The server answered ${response.status}.`);
}

/**
 * Asks once. Nothing asks again by itself: a second request would be a second answer, paid for again.
 *
 * @returns {Promise<Response>} `Content-Location` is the answer's address.
 * @throws {AnswerError} when the server refuses.
 */
export function ask(prompt, viewer) {
  return request("/api/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ prompt, viewer }),
  });
}

/** Reads an answer once more, from its start; costs nothing. As {@link ask}. */
export async function resume(address) {
  const response = await request(`${address}/stream`);
  if (response.status !== 204) return response;
  forget(address);
  throw new AnswerError("The answer is not kept any more.");
}

/** Stops an answer for all who read it. Whoever is gone by then need not know how it went. */
export const stop = (address) =>
  fetch(`${address}/stop`, { method: "POST", keepalive: true }).catch(() => {});

/**
 * The answer's events, as { event, data } with data parsed, up to and including its last: `done` or `error`.
 *
 * @throws {AnswerError} when the stream ends before.
 * @throws {DOMException} `AbortError` when `signal` aborts.
 */
export async function* eventsOf({ body }, signal) {
  const events = body
    .pipeThrough(new TextDecoderStream(), { signal })
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  try {
    for (;;) {
      const { done, value } = await events.read();
      if (done) break;
      const { event } = value;
      yield { event, data: JSON.parse(value.data) };
      if (event === "done" || event === "error") return;
    }
  } catch (error) {
    if (signal.aborted) throw error;
  } finally {
    events.cancel().catch(() => {});
  }
  throw new AnswerError("The connection ended before the answer did.");
}
