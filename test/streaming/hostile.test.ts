import { describe, expect, it } from "vitest";
import { OpenAIAdapter } from "../../lib/adapters/server.ts";
import type { Part, Protocol } from "../../lib/streaming/index.ts";
import { streamOf } from "../adapters/chunking.ts";
import { heardBy } from "./clients.ts";
import { finish, start } from "./written.ts";

const protocols: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];

const texts = [
  "line\nline\r\nline\rline\n\n",
  "data: x\n\nevent: done\ndata: {}\n\n",
  "\n\ndata: [DONE]\n\n",
  '"},"finish_reason":null}]}',
  '\\"\\u0000\u0000\\',
  " leading and trailing ",
  "👩‍👩‍👧‍👦 🌍 \u{1F600}",
  "\u2028 \u2029 \u0085 \ufeff",
  "[DONE]",
  "x".repeat(1 << 20),
  "é🌍\n".repeat(1 << 17),
];

function answer(text: string): Part[] {
  const input = { text };
  const json = JSON.stringify(input);
  return [
    start,
    { type: "reasoning", text },
    { type: "text", text },
    { type: "text", text },
    { type: "tool-call-start", id: "t1", name: "echo", index: 0 },
    { type: "tool-call-delta", id: "t1", delta: json },
    { type: "tool-call", id: "t1", name: "echo", arguments: json, input },
    finish,
  ];
}

describe.each(protocols)("%s", (protocol) => {
  it.each(texts)("brings hostile text over as it is (%#)", async (text) => {
    const heard = await heardBy(protocol, () =>
      OpenAIAdapter(streamOf(answer(text)), { protocol }),
    );
    expect(heard.text === text + text).toBe(true);
    expect(heard.reasoning === text).toBe(true);
    const { input } = heard.toolCalls[0] ?? {};
    expect((input as { text: string }).text === text).toBe(true);
    expect(heard.error).toBeUndefined();
  });

  it("brings hostile names over as they are", async () => {
    const name = 'a"\n\ndata: x\\';
    const parts: Part[] = [
      { ...start, id: name, model: name } as Part,
      { type: "text", text: "Hi" },
      { type: "tool-call-start", id: name, name, index: 0 },
      { type: "tool-call-delta", id: name, delta: "{}" },
      { type: "tool-call", id: name, name, arguments: "{}", input: {} },
      finish,
    ];
    const heard = await heardBy(protocol, () => OpenAIAdapter(streamOf(parts), { protocol }));
    expect(heard.id).toBe(name);
    expect(heard.toolCalls).toEqual([{ id: name, name, input: {} }]);
    expect(heard.text).toBe("Hi");
  });

  it("brings half a surrogate pair over as an escape", async () => {
    const parts: Part[] = [start, { type: "text", text: "a\ud83cb" }, finish];
    const heard = await heardBy(protocol, () => OpenAIAdapter(streamOf(parts), { protocol }));
    expect(heard.text).toBe("a\ud83cb");
  });
});
