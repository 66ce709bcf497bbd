import { describe, expect, it } from "vitest";
import { readParts } from "../../lib/adapters/index.ts";
import { collectParts, type Part } from "../../lib/streaming/index.ts";
import { pieces, streamOf } from "./chunking.ts";
import { readers, recordings } from "./recordings.ts";
import { saidByAnswer, saidBySdk } from "./sdk-answers.ts";

/** Each provider's own word for the end, and ours. */
const reasons = new Map([
  ["stop", "stop"],
  ["STOP", "stop"],
  ["end_turn", "stop"],
  ["max_tokens", "length"],
  ["tool_use", "tool-calls"],
  ["tool_calls", "tool-calls"],
  ["refusal", "refusal"],
]);

async function partsOf(source: AsyncIterable<Part>): Promise<Part[]> {
  const parts: Part[] = [];
  for await (const part of source) parts.push(part);
  return parts;
}

describe.each(recordings())("$name", ({ name, format, bytes }) => {
  const read = readers[format];

  it("says what the provider's own SDK reads from the same bytes", async () => {
    const expected = await saidBySdk({ name, format, bytes });
    const answer = await collectParts(read(streamOf([bytes])));
    expect(saidByAnswer(answer, format)).toEqual(expected);
    const calls = expected.toolCalls.length > 0 ? "tool-calls" : "stop";
    expect(answer.finishReason).toBe(reasons.get(expected.finish) ?? calls);
  });

  it("says the same in pieces of any size, one byte at a time included", async () => {
    const whole = await partsOf(read(streamOf([bytes])));
    for (const [longest, seed] of [
      [1, 1],
      [3, 2],
      [17, 3],
      [400, 4],
      [5000, 5],
    ] as const) {
      expect(await partsOf(read(streamOf(pieces(bytes, longest, seed))))).toEqual(whole);
    }
  });

  it("says the same when the format is not told", async () => {
    const whole = await partsOf(read(streamOf([bytes])));
    expect(await partsOf(readParts(streamOf(pieces(bytes, 50))))).toEqual(whole);
  });

  it("keeps the order that parts promise", async () => {
    const types = (await partsOf(read(streamOf([bytes])))).map(({ type }) => type);
    expect(types[0]).toBe("start");
    expect(types.lastIndexOf("start")).toBe(0);
    expect(types.slice(-2)).toEqual(["usage", "finish"]);
    expect(types.indexOf("usage")).toBe(types.length - 2);
  });
});
