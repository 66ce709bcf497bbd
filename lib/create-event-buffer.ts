import { EventBuffer, type EventBufferOptions } from "./event-buffer.js";

/**
 * Creates an event buffer.
 *
 * @throws {SseError} `invalid-option`, `invalid-argument`
 */
export function createEventBuffer(options?: EventBufferOptions): EventBuffer {
  return new EventBuffer(options);
}
