import { describe, expect, it } from "vitest";
import { createProtocolWriter, type Part, type Protocol } from "../../lib/streaming/index.ts";
import { start } from "./written.ts";

const protocols: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];
const texts = ["Hi", ' "quoted"\n', "\u2028🌍\\", ""];

describe.each(protocols)("%s", (protocol) => {
  const kinds: [string, Part[], (text: string) => Part][] = [
    ["text", [], (text) => ({ type: "text", text })],
    ["refusal", [], (text) => ({ type: "refusal", text })],
    [
      "arguments",
      [{ type: "tool-call-start", id: "c", name: "c", index: 0 }],
      (delta) => ({ type: "tool-call-delta", id: "c", delta }),
    ],
  ];

  it.each(kinds)("sends all %s of a block in one envelope", (kind, before, part) => {
    const writer = createProtocolWriter(protocol);
    for (const one of [start, ...before, part("first")]) writer.write(one);
    const events = texts.map((text) => writer.write(part(text)));
    // Its own events tell of tools as a whole.
    if (protocol === "events" && kind === "arguments") return;
    const [envelope] = events.flat().map(({ prepared }) => prepared?.envelope);
    for (const [index, [event, ...more]] of events.entries()) {
      expect(more).toEqual([]);
      expect(event?.prepared?.envelope).toBe(envelope);
      expect(event?.prepared?.text).toBe(texts[index]);
      expect(event?.event).toBe(envelope?.event);
      expect(JSON.parse(event?.data ?? "")).toBeTypeOf("object");
    }
  });

  it("has for data what stands around the escaped text, and the number", () => {
    const writer = createProtocolWriter(protocol);
    for (const part of [start, { type: "text", text: "first" } as const]) writer.write(part);
    const [event] = writer.write({ type: "text", text: '\n"' });
    const { envelope, text, number } = event?.prepared ?? {};
    const end = number === undefined ? "" : `${number}}`;
    const whole = envelope && `${envelope.before}\\n\\"${envelope.after}${end}`;
    expect(text).toBe('\n"');
    expect(event?.data).toBe(whole);
  });
});
