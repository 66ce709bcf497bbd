import { describe, SseError } from "../../errors.js";
import { AiSdkWriter } from "./ai-sdk.js";
import { AnthropicWriter } from "./anthropic.js";
import { EventsWriter } from "./events.js";
import { OpenAIChatWriter } from "./openai.js";
import { OpenAIResponsesWriter } from "./openai-responses.js";
import type { ProtocolWriter, WriterOptions } from "./writer.js";

export type { Envelope, Prepared, WireEvent } from "./wire-event.js";
export type { ProtocolWriter, WriterOptions } from "./writer.js";

const writers = {
  events: EventsWriter,
  openai: OpenAIChatWriter,
  "openai-responses": OpenAIResponsesWriter,
  anthropic: AnthropicWriter,
  "ai-sdk": AiSdkWriter,
};

/**
 * What clients read:
 * - `events`: AI Kit's own event types;
 * - `openai`, `openai-responses`, `anthropic`: the provider's API, as their SDKs read it;
 * - `ai-sdk`: the Vercel AI SDK's UI message stream, as `useChat` reads it.
 */
export type Protocol = keyof typeof writers;

/** @throws {SseError} `invalid-option` */
export function checkProtocol(protocol: unknown): asserts protocol is Protocol {
  if (typeof protocol === "string" && Object.hasOwn(writers, protocol)) return;
  const known = Object.keys(writers).join(", ");
  const given = describe(protocol);
  throw new SseError("invalid-option", `protocol is ${given}; expected one of ${known}.`);
}

/**
 * A writer of one answer.
 *
 * @throws {SseError} `invalid-option`
 */
export function createProtocolWriter(
  protocol: Protocol,
  options: WriterOptions = {},
): ProtocolWriter {
  checkProtocol(protocol);
  return new writers[protocol](options);
}

/**
 * The headers of a response that carries the protocol, for `new Response(stream, {headers})`.
 *
 * @throws {SseError} `invalid-option`
 */
export function protocolHeaders(protocol: Protocol): Record<string, string> {
  checkProtocol(protocol);
  return {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
    ...(protocol === "ai-sdk" && { "x-vercel-ai-ui-message-stream": "v1" }),
  };
}
