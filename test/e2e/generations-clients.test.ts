import { expect, it, onTestFinished } from "vitest";
import type { Part, Protocol } from "../../lib/streaming/index.ts";
import { type Answering, withProvider } from "../adapters/provider.ts";
import { heardFrom } from "../streaming/clients.ts";
import { make, Scripted, text, usage } from "../streaming/generations-setup.ts";
import { start } from "../streaming/written.ts";
import { eventually, sessionOptions } from "./harness.ts";

const call = { id: "call_1", name: "weather" };

const parts: Part[] = [
  start,
  { type: "reasoning", text: "Let me ", block: 0 },
  { type: "reasoning", text: "think.", block: 0, signature: "c2ln" },
  { type: "text", text: " Hello,\n", block: 1 },
  { type: "text", text: "world \u{1F30D}", block: 1 },
  { type: "tool-call-start", ...call, index: 0 },
  { type: "tool-call-delta", id: call.id, delta: '{"city":' },
  { type: "tool-call-delta", id: call.id, delta: '"Zürich"}' },
  { type: "tool-call", ...call, arguments: '{"city":"Zürich"}', input: { city: "Zürich" } },
  usage,
  { type: "finish", reason: "tool-calls" },
];

const protocols: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];

/** What the client has in the end. */
function heard(protocol: Protocol, answer: Answering): Promise<unknown> {
  if (protocol !== "openai-responses") return heardFrom(protocol, answer);
  // `heardFrom` minds holes in the numbers of events, of which a replay leaves one.
  return withProvider(answer, ({ openai }) =>
    openai.responses.stream({ model: "m", input: "Hi" }).finalResponse(),
  );
}

it.each(protocols)("the client of %s has the same whenever it comes", async (protocol) => {
  const generations = make({ protocol });
  const provider = new Scripted();
  await generations.start("a", provider.source);
  let watchers = 0;
  const attach: Answering = async (response, request) => {
    await generations.attach("a", request, response, sessionOptions({}));
    watchers++;
  };
  const hearing: Promise<unknown>[] = [];
  for (const part of parts) {
    hearing.push(heard(protocol, attach));
    await eventually(() => watchers === hearing.length, "watcher");
    provider.say(part);
  }
  const [first, ...others] = await Promise.all(hearing);
  for (const other of others) expect(other).toEqual(first);
  expect(JSON.stringify(first)).toContain("Hello,\\nworld \u{1F30D}");
  expect(JSON.stringify(first)).toContain("Zürich");
});

it("is not disturbed by what an application's listener throws", async () => {
  const generations = make({ protocol: "openai" });
  const provider = new Scripted();
  await generations.start("a", provider.source);
  const warnings: Error[] = [];
  const collect = (warning: Error) => warnings.push(warning);
  process.on("warning", collect);
  onTestFinished(() => void process.off("warning", collect));
  const heard = await heardFrom("openai", async (response, request) => {
    const session = await generations.attach("a", request, response, sessionOptions({}));
    session?.on("push", () => {
      throw new Error("of the application");
    });
    provider.say(start, text("one "), text("two"), { type: "finish", reason: "stop" });
  });
  expect(heard).toMatchObject({ text: "one two", finish: "stop" });
  expect(warnings[0]?.message).toContain("of the application");
});
