import { connect, createServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import type { Protocol } from "../../lib/streaming/server.ts";
import { seeded } from "../adapters/chunking.ts";
import { eventually, listen } from "../e2e/harness.ts";
import { answering, usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { chat, open } from "./ai-stream-setup.ts";

const all: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];

/** Passes bytes on to `port`, and cuts each connection after so many bytes of the server's as `next` says. */
async function proxy(port: number, next: () => number) {
  let cuts = 0;
  const server = createServer((client: Socket) => {
    const upstream = connect(port, "127.0.0.1");
    let left = next();
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    client
      .on("data", (bytes) => upstream.write(bytes))
      .on("close", end)
      .on("error", end);
    upstream.on("close", end).on("error", end);
    upstream.on("data", (bytes) => {
      const passed = bytes.subarray(0, left);
      left -= passed.length;
      if (left > 0) client.write(passed);
      else {
        cuts++;
        client.write(passed, end);
      }
    });
  });
  const { origin } = await listen(server);
  return { origin, cuts: () => cuts };
}

const words = Array.from({ length: 300 }, (_, at) =>
  at % 7 === 0 ? `\n"${at}"🌍 ` : `word${at} `,
);

describe.each(all)("an answer over %s", (protocol) => {
  it.each([1, 2, 3, 4])("is the source's, wherever it is cut (%i)", async (seed) => {
    const random = seeded(seed);
    const server = await chat({ protocol });
    const { port, pathname } = new URL(server.endpoint);
    // Heads have some 300 bytes: some connections break off before, some within the answer.
    const { origin, cuts } = await proxy(Number(port), () => 50 + Math.floor(random() * 4000));
    const client = open(`${origin}${pathname}`, {
      retry: { initialDelay: 1, maxDelay: 1, maxRetries: 50 },
    });
    const sent = client.stream.send("Hi");
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start);
    for (let at = 0; at < words.length; at += 30) {
      server.provider().say(...words.slice(at, at + 30));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    server.provider().say(usage, finish);
    const message = await sent;
    expect(message.content).toBe(words.join(""));
    expect(client.tokens.join("")).toBe(words.join(""));
    expect(message).toMatchObject({ status: "done", usage: { totalTokens: 5 } });
    expect(client.names).not.toContain("restart");
    expect(cuts()).toBeGreaterThan(2);
    expect(server.providers).toHaveLength(1);
    expect(server.provider().asked).toBe(1);
  });

  it("is told again from its start where the server has dropped what is missing", async () => {
    const server = await chat({ protocol, limits: { logBytes: 1 } });
    const client = open(server.endpoint);
    const sent = client.stream.send("Hi");
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start, "one ", "two ");
    await eventually(() => client.tokens.length === 2, "tokens");
    server.cut();
    server.provider().say("three ", "four ");
    await eventually(() => client.last.content.endsWith("four "), "more");
    server.provider().say(usage, finish);
    expect((await sent).content).toBe("one two three four ");
    expect(client.tokens.join("")).toBe("one two three four ");
    expect(server.providers).toHaveLength(1);
  });

  it("is taken up by another page, from its start or at its end", async () => {
    const server = await chat({ protocol });
    const first = open(server.endpoint);
    const sent = first.stream.send("Hi");
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start, { type: "reasoning", text: "Hm." }, "one ");
    await eventually(() => first.tokens.length === 1, "token");
    const { id } = first.last;
    const second = open(server.endpoint);
    const resumed = second.stream.resume(id);
    await eventually(() => second.tokens.length === 1, "token");
    server.provider().say("two", usage, finish);
    const whole = { id, content: "one two", reasoning: "Hm.", status: "done" };
    expect(await sent).toMatchObject(whole);
    expect(await resumed).toMatchObject(whole);
    expect(await open(server.endpoint).stream.resume(id)).toMatchObject(whole);
    expect(server.provider().asked).toBe(1);
  });

  it("is stopped by another page, which all hear of", async () => {
    const server = await chat({ protocol });
    const first = open(server.endpoint);
    const sent = first.stream.send("Hi");
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start, "half");
    await eventually(() => first.tokens.length === 1, "token");
    const second = open(server.endpoint);
    const resumed = second.stream.resume(first.last.id);
    await eventually(() => second.tokens.length === 1, "token");
    await second.stream.stop();
    expect(await resumed).toMatchObject({ content: "half", status: "stopped" });
    expect(await sent).toMatchObject({ content: "half", status: "stopped" });
    expect(first.names).not.toContain("error");
    expect(server.provider().stopped).toBe(true);
  });
});

it("is asked for once more, under another id", async () => {
  const server = await chat();
  const client = open(server.endpoint);
  const first = client.stream.send("Hi");
  await eventually(() => server.providers.length === 1, "request");
  server.provider().say(...answering("one"));
  await first;
  const second = client.stream.retry();
  expect(client.stream.getMessages().map(({ role }) => role)).toEqual(["user", "assistant"]);
  await eventually(() => server.providers.length === 2, "second request");
  server.provider(1).say(...answering("two"));
  expect((await second).content).toBe("two");
  expect((await second).id).not.toBe((await first).id);
  expect(client.stream.getMessages().map(({ content }) => content)).toEqual(["Hi", "two"]);
});

it("is detached from and taken up again in the place that it had", async () => {
  const server = await chat();
  const client = open(server.endpoint);
  const first = client.stream.send("Hi");
  await eventually(() => server.providers.length === 1, "request");
  server.provider().say(start, "one ");
  await eventually(() => client.tokens.length === 1, "token");
  client.stream.detach();
  const { id } = await first;
  expect(server.provider().stopped).toBe(false);
  const resumed = client.stream.resume(id);
  server.provider().say("two", finish);
  expect(await resumed).toMatchObject({ id, content: "one two", status: "done" });
  expect(client.stream.getMessages()).toHaveLength(2);
});

it("starts nothing twice when the response to its request is lost", async () => {
  let lost = 0;
  const server = await chat({}, undefined, (req, res, next) => {
    // The generation has started; its page's first byte never arrives.
    if (req.method === "POST" && lost++ === 0) setTimeout(() => res.socket?.destroy(), 20);
    next();
  });
  const client = open(server.endpoint);
  const sent = client.stream.send("Hi");
  await eventually(() => client.names.includes("retry"), "retry");
  server.provider().say(...answering("one"));
  expect((await sent).content).toBe("one");
  expect(server.providers).toHaveLength(1);
});
