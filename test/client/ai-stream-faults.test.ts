import { describe, expect, it, vi } from "vitest";
import { AIStream, type SseError } from "../../lib/client/index.ts";
import { deferred, errorOf, eventually, strayErrors } from "../e2e/harness.ts";
import {
  broken,
  done,
  event,
  head,
  open,
  type Step,
  serve,
  soon,
  status,
  stream,
  token,
} from "./ai-stream-setup.ts";

const whole = stream(event("start", {}, "r.0"), token("Hello", "r.1"), done);

describe("before the first token", () => {
  it.each([408, 425, 429, 500, 502, 503, 504])("%i is tried again", async (code) => {
    const server = await serve(status(code), whole);
    const client = open(server.endpoint);
    expect((await client.stream.send("Hi")).content).toBe("Hello");
    expect(client.of("retry")).toMatchObject([
      { attempt: 1, error: { code: "http-error", status: code } },
    ]);
  });

  it.each([400, 401, 403, 404, 409, 410, 422])("%i is not", async (code) => {
    const server = await serve(status(code, {}, "why"), whole);
    const client = open(server.endpoint);
    const error = await errorOf(() => client.stream.send("Hi"));
    expect(error).toMatchObject({ code: "http-error", status: code });
    expect(error.message).toContain("why");
    expect(server.requests).toHaveLength(1);
    expect(client.last).toMatchObject({ role: "assistant", content: "", status: "failed", error });
    expect(client.names).toEqual([
      "message",
      "streaming-start",
      "message",
      "error",
      "streaming-end",
    ]);
  });

  it("resumes an answer whose stream is done before it is", async () => {
    const chunk = (content: string, finish_reason: string | null = null) =>
      `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason }] })}\n\n`;
    const end = "data: [DONE]\n\n";
    const server = await serve(
      stream(chunk("Hel"), end),
      stream(chunk("Hel"), chunk("lo"), chunk("", "stop"), end),
    );
    expect((await open(server.endpoint).stream.send("Hi")).content).toBe("Hello");
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET"]);
  });

  it("waits for as long as the server asks", async () => {
    const server = await serve(status(429, { "Retry-After": "1" }), whole);
    const client = open(server.endpoint);
    const begun = performance.now();
    await client.stream.send("Hi");
    expect(performance.now() - begun).toBeGreaterThanOrEqual(1000);
    const [notice] = client.of("retry") as { delay: number }[];
    expect(notice?.delay).toBeGreaterThanOrEqual(1000);
    expect(server.paths()).toEqual(["POST /chat", "POST /chat"]);
  });

  it("gives up after so many", async () => {
    const server = await serve(status(500));
    const client = open(server.endpoint, { retry: { ...soon, maxRetries: 2 } });
    const error = await errorOf(() => client.stream.send("Hi"));
    expect(error).toMatchObject({ code: "http-error", status: 500 });
    expect(client.of("retry")).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
  });

  it("does not try again where it is not to", async () => {
    const server = await serve(status(500));
    const client = open(server.endpoint, { retry: false });
    await errorOf(() => client.stream.send("Hi"));
    expect(server.requests).toHaveLength(1);
  });

  it("reports a web page for what it is", async () => {
    const page = status(200, { "Content-Type": "text/html" }, "<h1>Log in</h1>");
    const server = await serve(page);
    const error = await errorOf(() => open(server.endpoint).stream.send("Hi"));
    expect(error).toMatchObject({ code: "not-a-stream" });
    expect(error.message).toContain("Log in");
    expect(server.requests).toHaveLength(1);
  });

  it("reports an answer without a stream", async () => {
    const server = await serve(status(204));
    const error = await errorOf(() => open(server.endpoint).stream.send("Hi"));
    expect(error).toMatchObject({ code: "not-a-stream" });
  });

  it("asks for the answer before it posts again, when the request may have arrived", async () => {
    const lost: Step = (_, res) => res.destroy();
    const server = await serve(lost, whole);
    expect((await open(server.endpoint).stream.send("Hi")).content).toBe("Hello");
    expect(server.paths()).toEqual([
      "POST /chat",
      expect.stringMatching(/^GET \/chat\/\d{20,40}\/stream$/),
    ]);
  });

  it.each([204, 404, 405, 501])("posts again where the server has none (%i)", async (code) => {
    const lost: Step = (_, res) => res.destroy();
    const server = await serve(lost, status(code), whole);
    expect((await open(server.endpoint).stream.send("Hi")).content).toBe("Hello");
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET", "POST"]);
    const ids = server.requests
      .filter(({ method }) => method === "POST")
      .map(({ body }) => JSON.parse(body).id);
    expect(ids[0]).toBe(ids[1]);
  });

  it("takes up what runs, when a repeated request is told that it does", async () => {
    const lost: Step = (_, res) => res.destroy();
    const server = await serve(lost, status(204), status(409), whole);
    expect((await open(server.endpoint).stream.send("Hi")).content).toBe("Hello");
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET", "POST", "GET"]);
  });

  it("posts again at once under an id of the application's, which may have an older answer", async () => {
    const lost: Step = (_, res) => res.destroy();
    const server = await serve(lost, status(409), whole);
    const { stream } = open(server.endpoint, { id: "chat-1" });
    expect((await stream.send("Hi")).content).toBe("Hello");
    expect(server.paths()).toEqual(["POST /chat", "POST /chat", "GET /chat/chat-1/stream"]);
  });

  it("asks anew where the model's failure passes", async () => {
    const failed = stream(
      event("start", {}),
      event("error", { error: "Later.", code: "OVERLOADED", retryAfter: 5 }),
    );
    const server = await serve(failed, whole);
    const client = open(server.endpoint);
    expect((await client.stream.send("Hi")).content).toBe("Hello");
    const ids = server.requests.map(({ body }) => JSON.parse(body).id);
    expect(ids).toHaveLength(2);
    expect(ids[0]).toBe(ids[1]);
    expect(client.last.id).toBe(ids[1]);
    expect(client.of("retry")).toMatchObject([{ error: { code: "answer-failed" } }]);
  });

  it("does not look for the next answer behind the failed one's last event", async () => {
    const failed = stream(
      event("start", {}, "0"),
      event("error", { error: "Later.", code: "OVERLOADED" }, "1"),
    );
    const lost: Step = (_, res) => res.destroy();
    const server = await serve(failed, lost, whole);
    expect((await open(server.endpoint).stream.send("Hi")).content).toBe("Hello");
    expect(server.requests.map(({ method, lastId }) => [method, lastId])).toEqual([
      ["POST", undefined],
      ["POST", undefined],
      ["GET", undefined],
    ]);
  });

  it("does not ask anew where it does not pass, or somebody has paid", async () => {
    const refused = await serve(stream(event("error", { error: "No.", code: "CONTENT_FILTER" })));
    const error = await errorOf(() => open(refused.endpoint).stream.send("Hi"));
    expect(error).toMatchObject({ code: "answer-failed", cause: { code: "CONTENT_FILTER" } });
    expect(refused.requests).toHaveLength(1);
    const paid = await serve(
      stream(token("He"), event("error", { error: "", code: "OVERLOADED" })),
    );
    const client = open(paid.endpoint);
    expect(await errorOf(() => client.stream.send("Hi"))).toMatchObject({ code: "answer-failed" });
    expect(paid.requests).toHaveLength(1);
    expect(client.last).toMatchObject({ content: "He", status: "failed" });
  });

  it("cannot be reached", async () => {
    const client = open("http://127.0.0.1:1/chat");
    const error = await errorOf(() => client.stream.send("Hi"));
    expect(error).toMatchObject({ code: "connection-error" });
    expect(client.of("retry")).toHaveLength(3);
  });
});

describe("in the middle of an answer", () => {
  it("goes on behind what it has got", async () => {
    const server = await serve(
      broken(event("start", {}, "r.0"), token("Hel", "r.1")),
      stream(token("lo", "r.2"), done),
    );
    const client = open(server.endpoint);
    expect((await client.stream.send("Hi")).content).toBe("Hello");
    expect(client.tokens).toEqual(["Hel", "lo"]);
    expect(server.requests.map(({ method, lastId }) => [method, lastId])).toEqual([
      ["POST", undefined],
      ["GET", "r.1"],
    ]);
  });

  it.each([
    ["ends without its terminal event", stream(token("Hel", "r.1"))],
    ["breaks off", broken(token("Hel", "r.1"))],
  ])("never posts a second time when a stream %s", async (_, first) => {
    for (const code of [204, 404, 405, 501]) {
      const server = await serve(first, status(code));
      const client = open(server.endpoint);
      const error = await errorOf(() => client.stream.send("Hi"));
      expect(error).toMatchObject({ code: "incomplete" });
      expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET"]);
      expect(client.last).toMatchObject({ content: "Hel", status: "failed", error });
    }
  });

  it("never posts a second time to a server with a page for everything", async () => {
    const server = await serve(broken(token("Hel")), status(200, { "Content-Type": "text/html" }));
    const client = open(server.endpoint);
    expect(await errorOf(() => client.stream.send("Hi"))).toMatchObject({ code: "incomplete" });
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET"]);
  });

  it("never posts a second time after anything but text either", async () => {
    for (const said of [
      event("metadata", { type: "reasoning", text: "Hm" }),
      event("metadata", { type: "tool-call" }),
      event("usage", { promptTokens: 1, completionTokens: 1, totalTokens: 2 }),
    ]) {
      const server = await serve(broken(said), status(404), whole);
      const { stream } = open(server.endpoint);
      expect(await errorOf(() => stream.send("Hi"))).toMatchObject({ code: "incomplete" });
      expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET"]);
    }
  });

  it("tries more often than it may in a row, as long as the answer goes on", async () => {
    const words = Array.from({ length: 12 }, (_, at) => `${at} `);
    const steps = words.map((word, at) => broken(token(word, `r.${at}`)));
    const server = await serve(...steps, stream(done));
    const client = open(server.endpoint, { retry: { ...soon, maxRetries: 1 } });
    expect((await client.stream.send("Hi")).content).toBe(words.join(""));
    expect(client.of("retry").every((retry) => (retry as { attempt: number }).attempt === 1));
  });

  it("has the statuses of servers that come back", async () => {
    const server = await serve(
      broken(token("Hel", "r.1")),
      status(502),
      status(503, { "Retry-After": "0" }),
      stream(token("lo", "r.2"), done),
    );
    expect((await open(server.endpoint).stream.send("Hi")).content).toBe("Hello");
    expect(server.requests.map(({ lastId }) => lastId)).toEqual([undefined, "r.1", "r.1", "r.1"]);
  });

  it("does not double what is told again from its start", async () => {
    for (const again of [
      `${event("gap", { reason: "evicted" })}${event("start", {})}${token("Hello wor")}${token("ld", "r.9")}`,
      `: gap: evicted\n\n${token("Hello wor")}${token("ld", "r.9")}`,
      // A server without ids, or without an eye for them.
      `${event("start", {}, "r.0")}${token("Hel", "r.1")}${token("lo world", "r.2")}`,
    ]) {
      const server = await serve(
        broken(event("start", {}, "r.0"), token("Hel", "r.1"), token("lo ", "r.2")),
        stream(again, done),
      );
      const client = open(server.endpoint);
      expect((await client.stream.send("Hi")).content).toBe("Hello world");
      expect(client.tokens.join("")).toBe("Hello world");
      expect(client.names).not.toContain("restart");
    }
  });

  it("does not take the place in an earlier telling for one in a later", async () => {
    const server = await serve(
      broken(token("Hello ", "r.5")),
      // Told again in few events without ids, and cut within them.
      broken(event("gap", {}), token("Hel")),
      stream(token("Hello world", "r.9"), done),
    );
    const client = open(server.endpoint);
    expect((await client.stream.send("Hi")).content).toBe("Hello world");
    expect(server.requests.map(({ lastId }) => lastId)).toEqual([undefined, "r.5", undefined]);
    expect(client.tokens.join("")).toBe("Hello world");
  });

  it("begins anew where the answer is another one", async () => {
    const server = await serve(
      broken(token("Hello ", "r.5")),
      stream(event("gap", {}), token("Hey there", "s.1"), done),
    );
    const client = open(server.endpoint);
    const loop = (async () => {
      for await (const _ of client.stream);
    })();
    expect((await client.stream.send("Hi")).content).toBe("Hey there");
    expect(client.names.filter((name) => name === "restart")).toHaveLength(1);
    expect(await errorOf(() => loop)).toMatchObject({ code: "incomplete" });
  });

  it("lacks nothing when it is cut behind its end", async () => {
    const server = await serve(
      broken(token("Hello", "r.1"), event("metadata", { finishReason: "stop" }, "r.2")),
      status(404),
    );
    const message = await open(server.endpoint).stream.send("Hi");
    expect(message).toMatchObject({ content: "Hello", status: "done", finishReason: "stop" });
  });

  it("reports what is not JSON", async () => {
    const server = await serve(stream(token("Hel"), "event: token\ndata: {oops\n\n"));
    const client = open(server.endpoint);
    const error = await errorOf(() => client.stream.send("Hi"));
    expect(error).toMatchObject({ code: "invalid-data" });
    expect(error.message).toContain("{oops");
    expect(client.last).toMatchObject({ content: "Hel", status: "failed" });
    expect(server.requests).toHaveLength(1);
  });

  it("gives up a connection that has fallen silent, but not one with keep-alives", async () => {
    const silent: Step = (_, res) => void res.writeHead(200, head).write(token("Hel", "r.1"));
    const alive: Step = (_, res) => {
      res.writeHead(200, head);
      let beats = 0;
      const timer = setInterval(() => {
        if (beats++ < 8) res.write(":\n\n");
        else {
          clearInterval(timer);
          res.end(token("lo", "r.2") + done);
        }
      }, 100);
    };
    const server = await serve(silent, alive);
    const client = open(server.endpoint, { heartbeatTimeout: 500 });
    expect((await client.stream.send("Hi")).content).toBe("Hello");
    expect(client.of("retry")).toMatchObject([{ error: { code: "idle-timeout" } }]);
    expect(server.requests).toHaveLength(2);
  });

  it("finds that an hour has passed while the machine slept", async () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout", "performance"] });
    try {
      const silent: Step = (_, res) => void res.writeHead(200, head).write(token("Hel", "r.1"));
      const server = await serve(silent, stream(token("lo", "r.2"), done));
      const client = open(server.endpoint);
      const sent = client.stream.send("Hi");
      while (client.tokens.length === 0) await new Promise((resolve) => setImmediate(resolve));
      vi.setSystemTime(Date.now() + 3_600_000);
      let message: unknown;
      void sent.then((value) => {
        message = value;
      });
      while (!message) {
        vi.advanceTimersByTime(1000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(message).toMatchObject({ content: "Hello", status: "done" });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("stop()", () => {
  it("before anything is sent", async () => {
    const server = await serve(whole);
    const client = open(server.endpoint);
    const sent = client.stream.send("Hi");
    await client.stream.stop();
    expect(await sent).toMatchObject({ content: "", status: "stopped" });
    expect(client.stream.getIsStreaming()).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server.paths()).toEqual([]);
  });

  it("while the headers are made", async () => {
    const server = await serve(whole);
    const ready = deferred<Record<string, string>>();
    const client = open(server.endpoint, { headers: () => ready.promise });
    const sent = client.stream.send("Hi");
    await new Promise((resolve) => setTimeout(resolve, 5));
    await client.stream.stop();
    expect(await sent).toMatchObject({ status: "stopped" });
    ready.resolve({});
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server.paths()).toEqual([]);
  });

  it("before the response, which it does not overtake", async () => {
    const posted = deferred();
    const go = deferred();
    const stopped = deferred();
    const server = await serve(
      async (_, res) => {
        posted.resolve();
        await go.promise;
        res.writeHead(200, head).write(token("late"));
      },
      (_, res) => {
        stopped.resolve();
        res.writeHead(200, { "Content-Type": "application/json" }).end('{"stopped":true}');
      },
    );
    const client = open(server.endpoint);
    const sent = client.stream.send("Hi");
    await posted.promise;
    const stopping = client.stream.stop();
    expect(await sent).toMatchObject({ content: "", status: "stopped" });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.paths()).toEqual(["POST /chat"]);
    go.resolve();
    await stopping;
    await stopped.promise;
    const id = client.last.id;
    expect(server.paths()).toEqual(["POST /chat", `POST /chat/${id}/stop`]);
    expect(client.tokens).toEqual([]);
  });

  it("before an answer is taken up that was begun before", async () => {
    const asked = deferred();
    const server = await serve(() => asked.resolve(), status(200, {}, "{}"));
    const client = open(server.endpoint);
    const resumed = client.stream.resume("r");
    await asked.promise;
    await client.stream.stop();
    expect(await resumed).toBeUndefined();
    expect(server.paths()).toEqual(["GET /chat/r/stream", "POST /chat/r/stop"]);
  });

  it("before the first token", async () => {
    const opened = deferred();
    const gone = deferred();
    const server = await serve(
      (_, res) => {
        res.on("close", gone.resolve);
        res.writeHead(200, head).write(event("start", {}), () => opened.resolve());
      },
      status(200, {}, "{}"),
    );
    const client = open(server.endpoint);
    const sent = client.stream.send("Hi");
    await opened.promise;
    await client.stream.stop();
    expect(await sent).toMatchObject({ content: "", status: "stopped" });
    await gone.promise;
    expect(server.paths()[1]).toMatch(/^POST \/chat\/\w+\/stop$/);
  });

  it("in the middle, by a listener", async () => {
    const server = await serve(
      (_, res) => void res.writeHead(200, head).write(token("a") + token("b") + token("c")),
      status(404),
    );
    const client = open(server.endpoint);
    client.stream.on("token", (token) => {
      if (token === "b") void client.stream.stop();
    });
    expect(await client.stream.send("Hi")).toMatchObject({ content: "ab", status: "stopped" });
    expect(client.tokens).toEqual(["a", "b"]);
    expect(client.names.slice(-2)).toEqual(["message", "streaming-end"]);
  });

  it("while it waits to try again", async () => {
    const server = await serve(status(503, { "Retry-After": "3600" }));
    const client = open(server.endpoint);
    client.stream.on("retry", () => void client.stream.stop());
    expect(await client.stream.send("Hi")).toMatchObject({ status: "stopped" });
    // The server has refused the request: there is nothing to stop.
    expect(server.paths()).toEqual(["POST /chat"]);
  });

  it("after the end", async () => {
    const server = await serve(whole);
    const client = open(server.endpoint);
    const message = await client.stream.send("Hi");
    await client.stream.stop();
    expect(client.last).toBe(message);
    expect(server.requests).toHaveLength(1);
  });

  it("is followed by the next prompt", async () => {
    const server = await serve(
      (_, res) => void res.writeHead(200, head).write(token("half")),
      status(404),
      whole,
    );
    const client = open(server.endpoint);
    const first = client.stream.send("one");
    await eventually(() => client.tokens.length === 1, "token");
    await client.stream.stop();
    expect(await first).toMatchObject({ status: "stopped" });
    expect((await client.stream.send("two")).content).toBe("Hello");
    expect(JSON.parse(server.requests[2]?.body ?? "").messages).toEqual([
      { role: "user", content: "one" },
      { role: "assistant", content: "half" },
      { role: "user", content: "two" },
    ]);
  });

  it("by a reset forgets all", async () => {
    const server = await serve(
      (_, res) => void res.writeHead(200, head).write(token("half")),
      status(404),
    );
    const client = open(server.endpoint, { messages: [{ role: "user", content: "before" }] });
    const sent = client.stream.send("one");
    await eventually(() => client.tokens.length === 1, "token");
    client.stream.reset();
    expect(await sent).toMatchObject({ status: "stopped" });
    expect(client.stream.getMessages()).toEqual([]);
    expect(client.stream.getUsage().totalTokens).toBe(0);
    expect(client.names.slice(-3)).toEqual(["message", "streaming-end", "reset"]);
  });
});

describe("the application", () => {
  it("may have listeners that throw", async () => {
    const strays = strayErrors();
    const report = vi.spyOn(console, "error").mockImplementation(() => {});
    const server = await serve(whole);
    const client = open(server.endpoint, {
      onToken: () => {
        throw new Error("mine");
      },
    });
    const later: string[] = [];
    client.stream.on("token", (token) => later.push(token));
    expect((await client.stream.send("Hi")).content).toBe("Hello");
    expect(later).toEqual(["Hello"]);
    expect(report).toHaveBeenCalledTimes(1);
    expect(await strays()).toEqual([]);
    report.mockRestore();
  });

  it("need not look at a promise when it is told in another way", async () => {
    const strays = strayErrors();
    const server = await serve(status(400));
    const seen: SseError[] = [];
    const stream = new AIStream({
      endpoint: server.endpoint,
      onError: (error) => seen.push(error),
    });
    void stream.send("Hi");
    await eventually(() => seen.length === 1, "error");
    const other = new AIStream({ endpoint: server.endpoint });
    void other.send("Hi");
    const loop = errorOf(async () => {
      for await (const _ of other);
    });
    expect(await loop).toMatchObject({ code: "http-error", status: 400 });
    expect(await strays()).toEqual([]);
  });

  it("may have headers and a body that throw", async () => {
    const server = await serve(whole);
    const fail = () => {
      throw new Error("no session");
    };
    const first = open(server.endpoint, { headers: fail, retry: false });
    expect((await errorOf(() => first.stream.send("Hi"))).message).toContain("no session");
    const second = open(server.endpoint, { body: fail });
    expect((await errorOf(() => second.stream.send("Hi"))).message).toContain("no session");
    expect(second.stream.getIsStreaming()).toBe(false);
    expect(server.requests).toEqual([]);
  });

  it("is told what it has given", () => {
    const bad: [object, RegExp][] = [
      [{ endpoint: "" }, /endpoint is ; it must be a URL/],
      [{ endpoint: 1 }, /endpoint is 1/],
      [{ endpoint: "/x", retry: { maxRetries: -1 } }, /maxRetries is -1/],
      [{ endpoint: "/x", heartbeatTimeout: Number.NaN }, /heartbeatTimeout is NaN/],
    ];
    for (const [config, message] of bad) {
      expect(() => new AIStream(config as never)).toThrow(
        expect.objectContaining({
          code: "invalid-option",
          message: expect.stringMatching(message),
        }),
      );
    }
  });

  it("is told what it has asked", async () => {
    const { stream } = open("http://x/chat");
    for (const prompt of ["", undefined, 1, {}]) {
      expect(await errorOf(() => stream.send(prompt as never))).toMatchObject({
        code: "invalid-argument",
      });
      expect(await errorOf(() => stream.resume(prompt as never))).toMatchObject({
        code: "invalid-argument",
      });
    }
    expect(await errorOf(() => stream.retry())).toMatchObject({ code: "invalid-argument" });
    expect(stream.getMessages()).toEqual([]);
  });
});

describe("hostile servers", () => {
  const hostile = [
    "null",
    "[]",
    "[[[]]]",
    "0",
    '"text"',
    "{}",
    '{"__proto__":{"token":"x"},"constructor":1,"toString":null}',
    '{"token":{}}',
    '{"token":["x"]}',
    '{"choices":[]}',
    '{"choices":[null]}',
    '{"choices":[[]]}',
    '{"choices":{"0":{}}}',
    '{"choices":[{"delta":[],"finish_reason":{}}]}',
    '{"choices":[{"delta":{"content":[null,1,{"text":2},{"thinking":{}}]}}]}',
    '{"type":"toString"}',
    '{"type":"__proto__"}',
    '{"type":["response.created"]}',
    '{"type":"response.created","response":[]}',
    '{"type":"response.output_text.delta","delta":{}}',
    '{"type":"message_start","message":null}',
    '{"type":"content_block_delta","delta":7}',
    '{"usage":{"prompt_tokens":"1","__proto__":{"total_tokens":9},"details":{"details":{}}}}',
    '{"usage":[1,2,3]}',
    '{"model":{}}',
    `{"usage":${'{"details":'.repeat(50_000)}1${"}".repeat(50_000)}}`,
    `{"usage":"${"x".repeat(1 << 20)}"}`,
    `{"a":${"[".repeat(5000)}${"]".repeat(5000)}}`,
  ];

  it("say nothing by it", async () => {
    for (const name of [
      "message",
      "token",
      "usage",
      "metadata",
      "start",
      "__proto__",
      "toString",
    ]) {
      for (const data of hostile) {
        const bytes = [`event: ${name}\ndata: ${data}\n\n`, token("Hi"), done];
        const server = await serve(stream(...bytes));
        const { stream: client } = open(server.endpoint, { retry: false });
        const { content, status } = await client.send("Hi");
        expect([name, data, content.replace(/^x?text|^x/, ""), status]).toEqual([
          name,
          data,
          "Hi",
          "done",
        ]);
      }
    }
    expect(({} as { token?: unknown }).token).toBeUndefined();
  });

  it("fail with whatever they call an error", async () => {
    for (const data of [...hostile, '{"error":[]}', '{"error":{"error":{}}}', '{"error":7}']) {
      const server = await serve(stream(`event: error\ndata: ${data}\n\n`));
      const { stream: client } = open(server.endpoint, { retry: false });
      expect(await errorOf(() => client.send("Hi"))).toMatchObject({ code: "answer-failed" });
    }
  });

  it("have events and answers of some size only", async () => {
    const huge = "x".repeat(3 << 20);
    const event = await serve(stream(`data: ${huge.repeat(6)}\n\n`));
    expect(await errorOf(() => open(event.endpoint).stream.send("Hi"))).toMatchObject({
      code: "too-large",
    });
    const answer = await serve(stream(...Array.from({ length: 6 }, () => token(huge)), done));
    expect(await errorOf(() => open(answer.endpoint).stream.send("Hi"))).toMatchObject({
      code: "too-large",
    });
  });
});
