/** Asks the server and reads the answer's events. */
import { EventSourceParserStream } from "/vendor/eventsource-parser/stream.js";

/** The server could not answer, or the answer broke off; the message is for the reader. */
export class AnswerError extends Error {}

/** The events of a response, as { event, data } with data parsed. */
async function* readEvents(body) {
  const reader = body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield { event: value.event ?? "message", data: JSON.parse(value.data) };
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Asks once, and yields the answer's events up to and including `done`. It never asks again by itself: a second request
 * would be a second answer, paid for again.
 *
 * @throws {AnswerError} when the server refuses, reports an error, or the stream ends too early.
 * @throws {DOMException} `AbortError` when `signal` aborts.
 */
export async function* ask(prompt, viewer, signal) {
  let response;
  try {
    response = await fetch("/api/chat", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
      body: JSON.stringify({ prompt, viewer }),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new AnswerError("The server cannot be reached.");
  }
  if (!response.ok) {
    const { error } = await response.json().catch(() => ({}));
    throw new AnswerError(error ?? `The server answered ${response.status}.`);
  }

  try {
    for await (const { event, data } of readEvents(response.body)) {
      if (event === "error") throw new AnswerError(data.error);
      yield { event, data };
      if (event === "done") return;
    }
  } catch (error) {
    if (signal.aborted || error instanceof AnswerError) throw error;
  }
  signal.throwIfAborted();
  throw new AnswerError("The connection ended before the answer did.");
}
