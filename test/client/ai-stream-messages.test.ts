import { describe, expect, it } from "vitest";
import { AIStream, type PriceTable } from "../../lib/client/index.ts";
import { done, event, open, serve, status, stream, token } from "./ai-stream-setup.ts";

const answer = (text: string, ...more: string[]) =>
  stream(event("start", { id: "a1", model: "gpt-5-2025-08-07" }), token(text), ...more, done);
const usage = event("usage", {
  promptTokens: 2_000_000,
  completionTokens: 1_000_000,
  totalTokens: 3e6,
});

describe("messages", () => {
  it("are snapshots: what has changed is another object, and what has not is the same", async () => {
    const server = await serve(answer("one"), answer("two"));
    const client = open(server.endpoint);
    const seen: unknown[][] = [];
    client.stream.on("token", () => seen.push([...client.stream.getMessages()]));
    await client.stream.send("first");
    const messages = client.stream.getMessages();
    expect(client.stream.getMessages()).toBe(messages);
    expect(seen[0]?.[0]).toBe(messages[0]);
    expect(seen[0]?.[1]).not.toBe(messages[1]);
    expect(seen[0]?.[1]).toMatchObject({ content: "one", status: "streaming" });
    await client.stream.send("second");
    expect(messages).toHaveLength(2);
    expect(client.stream.getMessages().slice(0, 2)).toEqual(messages);
    for (const message of client.stream.getMessages()) {
      expect(Object.isFrozen(message)).toBe(true);
      expect(client.stream.getMessages().filter(({ id }) => id === message.id)).toHaveLength(1);
    }
    expect(Object.isFrozen(client.stream.getMessages())).toBe(true);
  });

  it("go out with each request, those from before among them, without answers that say nothing", async () => {
    const server = await serve(status(400), answer("two"));
    const { stream } = open(server.endpoint, {
      model: "gpt-5",
      systemPrompt: "Be brief.",
      messages: [
        { role: "user", content: "before" },
        { role: "assistant", content: "then" },
      ],
    });
    await stream.send("first").catch(() => {});
    const { id } = await stream.send("second");
    expect(JSON.parse(server.requests[1]?.body ?? "")).toEqual({
      id,
      prompt: "second",
      messages: [
        { role: "user", content: "before" },
        { role: "assistant", content: "then" },
        { role: "user", content: "first" },
        { role: "user", content: "second" },
      ],
      model: "gpt-5",
      systemPrompt: "Be brief.",
    });
  });

  it("are all kept where every answer has the id of the conversation", async () => {
    const server = await serve(answer("one"), answer("two"), answer("two!"), answer("three"));
    const { stream } = open(server.endpoint, { id: "chat-1" });
    const contents = () => stream.getMessages().map(({ content }) => content);
    await stream.send("first");
    await stream.send("second");
    expect(contents()).toEqual(["first", "one", "second", "two"]);
    await stream.resume("chat-1");
    expect(contents()).toEqual(["first", "one", "second", "two!"]);
    await stream.send("third");
    const { messages } = JSON.parse(server.requests[3]?.body ?? "");
    expect(messages.map(({ content }: { content: string }) => content)).toEqual([
      "first",
      "one",
      "second",
      "two!",
      "third",
    ]);
  });

  it("are asked again in place of their answers", async () => {
    const server = await serve(status(400), answer("two"));
    const { stream } = open(server.endpoint);
    await stream.send("first").catch(() => {});
    await stream.retry();
    expect(stream.getMessages().map(({ content, status }) => [content, status])).toEqual([
      ["first", undefined],
      ["two", "done"],
    ]);
    expect(JSON.parse(server.requests[1]?.body ?? "").messages).toHaveLength(1);
  });

  it("have an endpoint with a query, and ids of any letters", async () => {
    const server = await serve(status(500), status(404), answer("one"));
    const { stream } = open(`${server.endpoint}/?user=ada`, { id: () => "a/b$& ü" });
    await stream.send("Hi");
    expect(server.paths()).toEqual([
      "POST /chat/?user=ada",
      "GET /chat/a%2Fb%24%26%20%C3%BC/stream?user=ada",
      "POST /chat/?user=ada",
    ]);
  });
});

describe("headers", () => {
  it("go out with every request, as they are then", async () => {
    const seen: (string | undefined)[] = [];
    const step =
      (then: Parameters<typeof serve>[0]): Parameters<typeof serve>[0] =>
      (req, res) => {
        seen.push(req.headers.authorization);
        then(req, res);
      };
    const server = await serve(step(status(401)), step(status(500)), step(answer("one")));
    let asked = 0;
    const renewals: boolean[] = [];
    const { stream } = open(server.endpoint, {
      headers: async (renew) => {
        renewals.push(renew);
        return { Authorization: `Bearer ${++asked}` };
      },
    });
    expect((await stream.send("Hi")).content).toBe("one");
    expect(seen).toEqual(["Bearer 1", "Bearer 2", "Bearer 3"]);
    expect(renewals).toEqual([false, true, false]);
  });
});

describe("usage", () => {
  it("has a cost where the model has a price", async () => {
    const server = await serve(answer("one", usage));
    const costs: unknown[][] = [];
    const client = open(server.endpoint, {
      prices: { "gpt-5": { input: 1.25, output: 10 }, "gpt-5-mini": { input: 9, output: 9 } },
      onCost: (...args) => costs.push(args),
    });
    const message = await client.stream.send("Hi");
    const told = { promptTokens: 2e6, completionTokens: 1e6, totalTokens: 3e6 };
    expect(costs).toEqual([[{ input: 2.5, output: 10, total: 12.5 }, told]]);
    expect(message).toMatchObject({ usage: told, cost: { total: 12.5 } });
    expect(client.stream.getUsage()).toEqual(told);
  });

  it("has the price of the model that was asked for, where the server names none", async () => {
    const server = await serve(stream(token("one"), usage, done));
    const prices = { "gpt-5": { input: 1, output: 1 } };
    const { stream: client } = open(server.endpoint, { prices, model: "gpt-5" });
    expect((await client.send("Hi")).cost?.total).toBe(3);
  });

  it("has none else", async () => {
    const server = await serve(answer("one", usage));
    const tables: (PriceTable | undefined)[] = [undefined, {}, { other: { input: 1, output: 1 } }];
    for (const prices of tables) {
      const client = open(server.endpoint, { prices });
      expect(await client.stream.send("Hi")).not.toHaveProperty("cost");
      expect(client.names).toContain("usage");
      expect(client.names).not.toContain("cost");
    }
  });

  it("is of zeros before it is known", () => {
    const zeros = { promptTokens: 0, completionTokens: 0, totalTokens: 0 };
    expect(new AIStream({ endpoint: "/x" }).getUsage()).toEqual(zeros);
  });
});

describe("listeners", () => {
  it("hear all events in one order, also when one of them asks the next prompt", async () => {
    const server = await serve(answer("one"), answer("two"));
    const client = new AIStream({ endpoint: server.endpoint });
    let second: Promise<unknown> | undefined;
    client.on("message", ({ role }) => {
      if (role === "assistant") second ??= client.send("second");
    });
    const heard: string[] = [];
    client.on("message", ({ content }) => heard.push(content));
    client.on("streaming-start", () => heard.push("start"));
    client.on("streaming-end", () => heard.push("end"));
    await client.send("first");
    await second;
    expect(heard).toEqual(["first", "start", "one", "end", "second", "start", "two", "end"]);
  });

  it("are taken off, each by itself", async () => {
    const server = await serve(answer("one"));
    const client = new AIStream({ endpoint: server.endpoint });
    const tokens: string[] = [];
    const listener = (token: string) => tokens.push(token);
    const off = client.on("token", listener);
    client.on("token", listener);
    off();
    off();
    await client.send("Hi");
    expect(tokens).toEqual(["one"]);
  });
});

describe("for await", () => {
  it("waits for the next answer, joins one that is under way, and ends with it", async () => {
    const server = await serve(stream(token("a"), token("b"), done));
    const client = new AIStream({ endpoint: server.endpoint });
    const read = async () => {
      const tokens: string[] = [];
      for await (const token of client) tokens.push(token);
      return tokens;
    };
    const before = read();
    let joined: Promise<string[]> | undefined;
    client.on("token", (token) => {
      if (token === "b") joined = read();
    });
    await client.send("Hi");
    expect(await before).toEqual(["a", "b"]);
    expect(await joined).toEqual(["a", "b"]);
  });

  it("may be left, and the answer goes on", async () => {
    const server = await serve(stream(token("a"), token("b"), done));
    const client = new AIStream({ endpoint: server.endpoint });
    const sent = client.send("Hi");
    for await (const token of client) {
      expect(token).toBe("a");
      break;
    }
    expect((await sent).content).toBe("ab");
  });
});
