import {
  type ProviderSource,
  type ReaderOptions,
  readAnthropic,
  readOpenAIChat,
  readOpenAIResponses,
} from "../../lib/adapters/index.ts";
import { type Answer, collectParts, type Part } from "../../lib/streaming/index.ts";

export async function partsOf(reader: AsyncIterable<Part>): Promise<Part[]> {
  const parts: Part[] = [];
  for await (const part of reader) parts.push(part);
  return parts;
}

export function chat(source: ProviderSource, options?: ReaderOptions): Promise<Answer> {
  return collectParts(readOpenAIChat(source, options));
}

export function responses(source: ProviderSource, options?: ReaderOptions): Promise<Answer> {
  return collectParts(readOpenAIResponses(source, options));
}

export function messages(source: ProviderSource, options?: ReaderOptions): Promise<Answer> {
  return collectParts(readAnthropic(source, options));
}

/** A chunk of a chat completion. */
export function delta(delta: unknown, finish_reason: string | null = null): object {
  return { id: "c1", model: "m", created: 1, choices: [{ index: 0, delta, finish_reason }] };
}

export const stop = delta({}, "stop");

/** Deltas of one Anthropic content block between its start and stop. */
export function block(index: number, content_block: unknown, ...deltas: unknown[]): object[] {
  return [
    { type: "content_block_start", index, content_block },
    ...deltas.map((one) => ({ type: "content_block_delta", index, delta: one })),
    { type: "content_block_stop", index },
  ];
}

export function message(...events: object[]): object[] {
  return messageEnding("end_turn", ...events);
}

export function messageEnding(stop_reason: string | null, ...events: object[]): object[] {
  const usage = { input_tokens: 3, output_tokens: 1 };
  return [
    { type: "message_start", message: { id: "m1", model: "claude", content: [], usage } },
    ...events,
    { type: "message_delta", delta: { stop_reason }, usage: { output_tokens: 5 } },
    { type: "message_stop" },
  ];
}
