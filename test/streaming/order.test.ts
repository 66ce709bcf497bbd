import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OpenAIAdapter } from "../../lib/adapters/server.ts";
import type { Part, Protocol } from "../../lib/streaming/index.ts";
import { createProtocolWriter } from "../../lib/streaming/index.ts";
import { streamOf } from "../adapters/chunking.ts";
import { heardBy } from "./clients.ts";
import { start } from "./written.ts";

const protocols: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];

const text = fc.string({ minLength: 1, maxLength: 5 });
const block = fc.option(fc.nat(3), { nil: undefined });
const id = fc.constantFrom("a", "b", "c");
const flag = fc.constantFrom(undefined, true as const);

/** Parts in an order that no reader gives them. */
const parts = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant("text" as const), text, block }),
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
    fc.record({ type: fc.constant("tool-call-delta" as const), id, delta: fc.constant('{"a":1}') }),
    fc.record({
      type: fc.constant("tool-call-start" as const),
      id,
      name: text,
      index: fc.nat(3),
      providerExecuted: flag,
      custom: flag,
    }),
    fc.record({
      type: fc.constant("tool-result" as const),
      id,
      name: text,
      result: fc.oneof(text, fc.integer(), fc.constant(null)),
      providerExecuted: flag,
    }),
  ) as fc.Arbitrary<Part>,
  { maxLength: 30 },
);

/** Each call's arguments once: Anthropic's SDK fails on arguments that are not JSON. */
function sensible(parts: Part[]): Part[] {
  const seen = new Set<string>();
  return parts.filter((part) => {
    if (part.type !== "tool-call-delta") return true;
    return !seen.has(part.id) && seen.add(part.id);
  });
}

const terminals: Record<Protocol, RegExp> = {
  events: /^done /,
  openai: /\[DONE\]$/,
  "openai-responses": /^response\.completed /,
  anthropic: /^message_stop /,
  "ai-sdk": /\[DONE\]$/,
};

describe.each(protocols)("%s", (protocol) => {
  it("is understood by its client whatever the order of the parts", async () => {
    const all = fc.asyncProperty(parts, async (given) => {
      const whole: Part[] = [start, ...sensible(given), { type: "finish", reason: "stop" }];
      const spoken = whole.filter((part) => part.type === "text").map((part) => part.text);
      const heard = await heardBy(protocol, () => OpenAIAdapter(streamOf(whole), { protocol }));
      expect(heard.error).toBeUndefined();
      const refused = whole.some(({ type }) => type === "refusal");
      if (!refused) expect(heard.text).toBe(spoken.join(""));
    });
    await fc.assert(all, { numRuns: 25 });
  });

  it("has one terminal event, the last", () => {
    const all = fc.property(parts, (given) => {
      const writer = createProtocolWriter(protocol);
      const lines: string[] = [];
      for (const part of [start, ...given, { type: "finish", reason: "stop" } as const, start]) {
        for (const { event, data } of writer.write(part)) lines.push(`${event ?? ""} ${data}`);
      }
      expect(lines.filter((line) => terminals[protocol].test(line))).toEqual([lines.at(-1)]);
    });
    fc.assert(all, { numRuns: 200 });
  });
});
