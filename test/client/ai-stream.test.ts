import { describe, expect, it } from "vitest";
import { AIStream } from "../../lib/client/index.ts";
import { errorOf, eventually } from "../e2e/harness.ts";
import { usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { chat, open } from "./ai-stream-setup.ts";

describe("a conversation", () => {
  it("tells of an answer token by token, and has it at the end", async () => {
    const server = await chat();
    const client = open(server.endpoint);
    const sent = client.stream.send("Hi");
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start, "Hel", "lo");
    await eventually(() => client.tokens.length === 2, "tokens");
    expect(client.stream.getIsStreaming()).toBe(true);
    expect(client.last).toMatchObject({ role: "assistant", content: "Hello", status: "streaming" });
    server.provider().say("!", usage, finish);
    const message = await sent;
    expect(message).toMatchObject({
      role: "assistant",
      content: "Hello!",
      status: "done",
      finishReason: "stop",
      usage: { promptTokens: 3, completionTokens: 2, totalTokens: 5 },
    });
    expect(client.stream.getMessages()).toEqual([
      expect.objectContaining({ role: "user", content: "Hi" }),
      message,
    ]);
    expect(client.stream.getIsStreaming()).toBe(false);
    expect(client.tokens).toEqual(["Hel", "lo", "!"]);
    expect(client.names).toEqual([
      "message",
      "streaming-start",
      "token",
      "token",
      "token",
      "usage",
      "message",
      "streaming-end",
    ]);
  });

  it("goes on where a connection has broken off, and nobody pays twice", async () => {
    const server = await chat();
    const client = open(server.endpoint);
    const sent = client.stream.send("Hi");
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start);
    for (let at = 0; at < 20; at++) {
      server.provider().say(`${at} `);
      await eventually(() => client.tokens.length === at + 1, "token");
      if (at % 3 === 0) server.cut();
    }
    server.provider().say(finish);
    const { content } = await sent;
    expect(content).toBe(Array.from({ length: 20 }, (_, at) => `${at} `).join(""));
    expect(client.tokens.join("")).toBe(content);
    expect(server.providers).toHaveLength(1);
    expect(server.requests.filter((request) => request.startsWith("POST"))).toHaveLength(1);
  });

  it("refuses a second prompt while the first is answered", async () => {
    const server = await chat();
    const { stream } = open(server.endpoint);
    const first = stream.send("one");
    expect(await errorOf(() => stream.send("two"))).toMatchObject({ code: "busy" });
    expect(await errorOf(() => stream.retry())).toMatchObject({ code: "busy" });
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start, "1", finish);
    expect((await first).content).toBe("1");
    expect(stream.getMessages().map(({ content }) => content)).toEqual(["one", "1"]);
  });

  it("stops, and so does the provider", async () => {
    const server = await chat();
    const client = open(server.endpoint);
    const sent = client.stream.send("Hi");
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start, "half");
    await eventually(() => client.tokens.length === 1, "token");
    await client.stream.stop();
    expect(await sent).toMatchObject({ content: "half", status: "stopped" });
    await eventually(() => server.provider().stopped, "stopped provider");
  });

  it("is read token by token", async () => {
    const server = await chat();
    const { stream } = open(server.endpoint);
    void stream.send("Hi");
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start, "a", "b", "c", finish);
    const tokens: string[] = [];
    for await (const token of stream) tokens.push(token);
    expect(tokens).toEqual(["a", "b", "c"]);
  });

  it("is taken up again by its id", async () => {
    const server = await chat();
    const before = open(server.endpoint);
    void before.stream.send("Hi");
    await eventually(() => server.providers.length === 1, "request");
    server.provider().say(start, "one ", "two ");
    await eventually(() => before.tokens.length === 2, "tokens");
    const { id } = before.last;
    before.stream.detach();
    const after = new AIStream({ endpoint: server.endpoint });
    const resumed = after.resume(id);
    server.provider().say("three", finish);
    expect(await resumed).toMatchObject({ id, content: "one two three", status: "done" });
    expect(await after.resume("nothing")).toBeUndefined();
    expect(server.provider().asked).toBe(1);
  });
});
