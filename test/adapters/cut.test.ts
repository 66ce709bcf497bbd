import { expect, it } from "vitest";
import { type Answer, collectParts } from "../../lib/streaming/index.ts";
import { type Recording, readers, recordings } from "./recordings.ts";

/** Small enough to be cut at every byte; all formats, tools, reasoning, signatures, non-ASCII. */
const names = [
  "anthropic-com__tool-streaming_0",
  "stream-a-refusal",
  "openai-com__tool-streaming_0",
  "test-responses-create-streaming",
  "groq-com__simple",
  "x-ai__tool-streaming",
  "generativelanguage",
];
const chosen = recordings().filter(({ name }) => names.some((part) => name.includes(part)));

async function* failing(bytes: Uint8Array, error: Error): AsyncGenerator<Uint8Array> {
  yield bytes;
  throw error;
}

function expectPartOf(answer: Answer, whole: Answer): void {
  expect(whole.text.startsWith(answer.text)).toBe(true);
  expect(whole.reasoning.startsWith(answer.reasoning)).toBe(true);
  for (const [index, call] of answer.toolCalls.entries()) {
    expect(whole.toolCalls[index]?.arguments.startsWith(call.arguments)).toBe(true);
    if (call.complete) expect(call).toEqual(whole.toolCalls[index]);
  }
}

/** After how many bytes the provider has said why the answer ends: what is lost later is not of it. */
function whyAt({ format, bytes }: Recording): number {
  const text = new TextDecoder().decode(bytes);
  const why =
    format === "openai-responses"
      ? /^data: .*"type":"response.completed".*}/m
      : /^data: .*("(finish|stop)_reason":"|"finishReason": ").*}/m;
  const { index, 0: line } = why.exec(text) as RegExpExecArray;
  return new TextEncoder().encode(text.slice(0, index + line.length)).length;
}

it.each(chosen)("$name, cut at every byte", async (recorded) => {
  const { format, bytes } = recorded;
  const read = readers[format];
  const whole = await collectParts(read([bytes]));
  const why = whyAt(recorded);
  for (let cut = 0; cut < bytes.length; cut++) {
    const answer = await collectParts(read([bytes.subarray(0, cut)]));
    expectPartOf(answer, whole);
    if (cut >= why) expect(answer.finish).toEqual(whole.finish);
    else expect(answer.error?.code).toBe("incomplete-stream");
  }
});

it.each(chosen)("$name, connection lost", async (recorded) => {
  const { format, bytes } = recorded;
  const read = readers[format];
  const whole = await collectParts(read([bytes]));
  const why = whyAt(recorded);
  const lost = Object.assign(new TypeError("terminated"), { cause: { code: "ECONNRESET" } });
  for (let cut = 0; cut < bytes.length; cut += 37) {
    const answer = await collectParts(read(failing(bytes.subarray(0, cut), lost)));
    expectPartOf(answer, whole);
    if (cut >= why) expect(answer.finish).toEqual(whole.finish);
    else expect(answer.error).toMatchObject({ code: "connection-error", retryable: true });
  }
});
