import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEventBuffer } from "../../lib/index.ts";
import {
  Answer,
  createProtocolWriter,
  type Part,
  type Protocol,
  protocolHeaders,
  type WireEvent,
} from "../../lib/streaming/index.ts";
import { streamOf } from "../adapters/chunking.ts";
import { anthropicRequest, withProvider } from "../adapters/provider.ts";
import { heardBy, readChatUi } from "./clients.ts";
import { finish, start } from "./written.ts";

const protocols: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];

const text = fc.string({ minLength: 1, maxLength: 5 });
const block = fc.option(fc.nat(3), { nil: undefined });
const id = fc.constantFrom("a", "b", "c");
const flag = fc.constantFrom(undefined, true as const);
const json = '{"a":1}';

const content = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant("text" as const), text, block }) },
  fc.record({
    type: fc.constant("reasoning" as const),
    text,
    block,
    summary: flag,
    signature: fc.option(text, { nil: undefined }),
    redacted: fc.option(text, { nil: undefined }),
  }),
  fc.record({ type: fc.constant("refusal" as const), text }),
  fc.record({ type: fc.constant("source" as const), id: text, url: text, block }),
  fc.record({ type: fc.constant("metadata" as const), data: fc.record({ note: text }) }),
  fc.record({
    type: fc.constant("tool-call-start" as const),
    id,
    name: id,
    index: fc.nat(3),
    providerExecuted: flag,
  }),
  fc.record({ type: fc.constant("tool-call-delta" as const), id, delta: fc.constant(json) }),
  fc.record({
    type: fc.constant("tool-call" as const),
    id,
    name: id,
    arguments: fc.constant(json),
    input: fc.constant({ a: 1 }),
    providerExecuted: flag,
  }),
  fc.record({ type: fc.constant("tool-result" as const), id, name: id, result: text }),
) as fc.Arbitrary<Part>;

/** Each call in its order: started, its arguments, ended; the flags of its start. */
function sensible(parts: Part[]): Part[] {
  const calls = new Map<string, { step: number; providerExecuted?: true }>();
  const kept: Part[] = [];
  for (const part of parts) {
    if (part.type === "tool-call-start") {
      if (calls.has(part.id)) continue;
      calls.set(part.id, { step: 0, ...(part.providerExecuted && { providerExecuted: true }) });
    } else if (part.type === "tool-call-delta" || part.type === "tool-call") {
      const call = calls.get(part.id) ?? { step: -1 };
      const next = part.type === "tool-call-delta" ? 1 : 2;
      if (call.step >= next || (call.step < 0 && next === 1)) continue;
      const whole = call.step < 0;
      calls.set(part.id, { ...call, step: next });
      if (part.type === "tool-call" && !whole) {
        const { providerExecuted: _, ...rest } = part;
        kept.push({ ...rest, ...(call.providerExecuted && { providerExecuted: true }) });
        continue;
      }
    } else if (part.type === "tool-result") {
      const call = calls.get(part.id);
      if (call?.step !== 2) continue;
    }
    kept.push(part);
  }
  return kept;
}

const answers = fc
  .tuple(fc.array(content, { maxLength: 25 }), fc.nat(26))
  .map(([given, cut]) => ({ parts: [start, ...sensible(given), finish], cut }));

/** What one who came after `cut` parts is sent. */
function lateEvents(protocol: Protocol, parts: Part[], cut: number): WireEvent[] {
  const main = createProtocolWriter(protocol);
  const answer = new Answer();
  for (const part of parts.slice(0, cut)) {
    main.write(part);
    answer.add(part);
  }
  const late = createProtocolWriter(protocol);
  const replayed = answer.parts().flatMap((part) => late.write(part));
  return [...replayed, ...parts.slice(cut).flatMap((part) => main.write(part))];
}

/** Responses' events have numbers, which grow, and have a hole where the replay ends. */
function renumbered(events: WireEvent[]): WireEvent[] {
  let last = -1;
  return events.map((event, at) => {
    const data = JSON.parse(event.data);
    expect(data.sequence_number).toBeGreaterThan(last);
    last = data.sequence_number;
    return { event: event.event, data: JSON.stringify({ ...data, sequence_number: at }) };
  });
}

function bytes(events: WireEvent[]): Uint8Array {
  const buffer = createEventBuffer({ serializer: String, eventId: null });
  for (const { data, event } of events) buffer.push(data, event);
  return new TextEncoder().encode(buffer.read());
}

function streamed(protocol: Protocol, parts: Part[], cut: number): Uint8Array {
  const events = lateEvents(protocol, parts, cut);
  return bytes(protocol === "openai-responses" ? renumbered(events) : events);
}

/** All that the client has in the end, where it has more than words. */
function wholeOf(protocol: Protocol, body: Uint8Array): Promise<unknown> {
  return withProvider(
    (response) => response.writeHead(200, protocolHeaders(protocol)).end(body),
    async (server) => {
      if (protocol === "ai-sdk") return (await readChatUi(server)).message;
      if (protocol !== "anthropic") return undefined;
      return server.anthropic.messages.stream(anthropicRequest).finalMessage();
    },
  );
}

describe.each(protocols)("for the clients of %s", (protocol) => {
  it("an answer told in few events, and then live, is the same answer", async () => {
    const same = fc.asyncProperty(answers, async ({ parts, cut }) => {
      const [whole, late] = [streamed(protocol, parts, 0), streamed(protocol, parts, cut)];
      const heard = await heardBy(protocol, () => streamOf([late]));
      expect(heard).toEqual(await heardBy(protocol, () => streamOf([whole])));
      expect(heard.error).toBeUndefined();
      expect(await wholeOf(protocol, late)).toEqual(await wholeOf(protocol, whole));
    });
    await fc.assert(same, { numRuns: Number(process.env.RUNS ?? 30) });
  });
});
