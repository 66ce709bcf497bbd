import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { ask } from "./demo-asking.ts";
import { Demo } from "./demo-server.ts";
import { eventually, listen, parseStream, within } from "./harness.ts";
import { fakeProvider } from "./providers.ts";

const root = new URL("../../", import.meta.url);

/** Asks as somebody new. */
async function chat(demo: Demo, body: object, signal?: AbortSignal): Promise<Response> {
  return ask(demo, "/chat", { token: await demo.token(), body, ...(signal && { signal }) });
}

async function eventsOf(response: Response) {
  const { events, errors } = parseStream(new Uint8Array(await response.arrayBuffer()));
  expect(errors).toEqual([]);
  return events;
}

describe("the route", { timeout: 60_000 }, () => {
  test("sends events one by one to the commands that README and server tell", async () => {
    const demo = await Demo.start({ DEMO_UNWATCHED_MS: "50" });
    const readme = readFileSync(new URL("examples/chat/README.md", root), "utf8");
    const [commands = ""] = readme.match(/^TOKEN=.*\ncurl -N .*$/m) ?? [];
    const here = commands.replaceAll("http://localhost:3000", demo.origin);
    for (const line of here.split("\n")) expect(demo.output).toContain(line);

    const curl = spawn("sh", ["-c", here.replace("\ncurl", "\nexec curl -s")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => {
      curl.kill();
    });
    const arrivals: { at: number; text: string }[] = [];
    curl.stdout.on("data", (chunk) => {
      arrivals.push({ at: performance.now(), text: String(chunk) });
    });
    await eventually(() => arrivals.length >= 12, "a dozen chunks");
    const tokens = arrivals.filter(({ text }) => text.startsWith("event:token\nid:"));
    expect(tokens.length).toBeGreaterThanOrEqual(8);
    const [first, last] = [tokens[0], tokens.at(-1)] as [{ at: number }, { at: number }];
    expect(last.at - first.at).toBeGreaterThan(80);

    curl.kill();
    await demo.printed("aborted (unwatched)");
  });

  test("sends a whole answer, leading spaces and line breaks included, then done", async () => {
    const demo = await Demo.start({ DEMO_PACE: "0.1" });
    const events = await eventsOf(await chat(demo, { prompt: "A poem, please" }));
    expect(events[0]).toMatchObject({ event: "start" });
    expect(events.at(-2)).toMatchObject({ event: "metadata", data: '{"finishReason":"stop"}' });
    expect(events.at(-1)).toMatchObject({ event: "done", data: "{}" });
    const tokens = events
      .filter(({ event }) => event === "token")
      .map(({ data }) => JSON.parse(data).token);
    const poem = readFileSync(new URL("examples/chat/server/texts/poem.md", root), "utf8");
    expect(tokens.join("")).toBe(poem.replace(/^# .*\n+/, "").trimEnd());
  });

  test("has nothing to stream or to stop where there is no such answer", async () => {
    const demo = await Demo.start();
    const token = await demo.token();
    expect((await ask(demo, "/chat/nobody/stream", { token })).status).toBe(204);
    const stop = await ask(demo, "/chat/nobody/stop", { token, method: "POST" });
    expect(await stop.json()).toEqual({ stopped: false });
  });

  test("goes on after the last event that a client has got", async () => {
    const demo = await Demo.start({ DEMO_PACE: "0.1" });
    const token = await demo.token();
    const body = { id: "answer-1", prompt: "A poem, please" };
    const events = await eventsOf(await ask(demo, "/chat", { token, body }));
    const headers = { "Last-Event-ID": events[9]?.id ?? "" };
    const rest = await eventsOf(await ask(demo, "/chat/answer-1/stream", { token, headers }));
    expect(rest).toEqual(events.slice(10));
  });

  test("tells all tabs of a conversation what happens in it, and who is here", async () => {
    const demo = await Demo.start({ DEMO_PACE: "0" });
    const token = await demo.token();
    const { id } = await (await ask(demo, "/conversations", { token, body: {} })).json();
    const controller = new AbortController();
    const stream = await ask(demo, `/conversations/${id}/events`, {
      token,
      signal: controller.signal,
    });
    let text = "";
    const reading = (async () => {
      for await (const part of stream.body as ReadableStream<Uint8Array>) {
        text += new TextDecoder().decode(part);
      }
    })().catch(() => {});
    const body = { id: "answer-1", prompt: "Hello", conversation: id, tab: "mine" };
    await (await ask(demo, "/chat", { token, body })).text();
    await eventually(() => text.includes("event:ended"), "end of the answer");
    controller.abort();
    await reading;
    const told = parseStream(text).events.map(({ event, data }) => [event, JSON.parse(data)]);
    expect(told).toMatchObject([
      ["hello", { version: 0 }],
      ["here", { people: 1 }],
      ["asked", { version: 1, tab: "mine" }],
      ["ended", { version: 2, turn: { id: "answer-1", prompt: "Hello", status: "finished" } }],
    ]);
    const kept = await (await ask(demo, `/conversations/${id}`, { token })).json();
    expect(kept).toEqual({ id, version: 2, turns: [told[3]?.[1].turn] });
    expect(kept.turns[0].text).toContain("Grüß Gott");
  });
});

describe("with a key", { timeout: 60_000 }, () => {
  const keys = {
    OpenAI: (origin: string) => ({
      OPENAI_API_KEY: "test",
      OPENAI_BASE_URL: `${origin}/v1`,
      OPENAI_MODEL: "test-model",
    }),
    Anthropic: (origin: string) => ({
      ANTHROPIC_API_KEY: "test",
      ANTHROPIC_BASE_URL: origin,
      ANTHROPIC_MODEL: "test-model",
    }),
  };

  for (const [name, env] of Object.entries(keys)) {
    test(`${name}'s SDK answers`, async () => {
      const provider = await fakeProvider();
      const demo = await Demo.start(env(provider.origin));
      const response = await chat(demo, { prompt: "Hello?" });
      const events = await eventsOf(response);

      const { body } = await provider.requests.next("request");
      expect(body).toMatchObject({
        model: "test-model",
        stream: true,
        messages: [{ role: "user", content: "Hello?" }],
      });
      const data = (wanted: string) =>
        events.filter(({ event }) => event === wanted).map((event) => JSON.parse(event.data));
      expect(data("start")).toEqual([{ id: expect.stringMatching(/1$/), model: "fake" }]);
      expect(data("token").map(({ token }) => token)).toEqual(provider.tokens);
      expect(data("usage")).toEqual([
        {
          promptTokens: 3,
          completionTokens: provider.tokens.length,
          totalTokens: 3 + provider.tokens.length,
        },
      ]);
      expect(data("done")).toHaveLength(1);
    });

    test(`a stop cancels the request to ${name}`, async () => {
      const provider = await fakeProvider({ endless: true });
      const demo = await Demo.start(env(provider.origin));
      const token = await demo.token();
      const body = { id: "answer-1", prompt: "Go on" };
      const response = await ask(demo, "/chat", { token, body });
      const { aborted } = await provider.requests.next("request");
      await ask(demo, "/chat/answer-1/stop", { token, method: "POST" });
      await within(aborted, "cancelled request");
      await demo.printed("aborted (stopped)");
      expect((await eventsOf(response)).at(-1)?.data).toContain("ABORTED");
    });

    test(`the last tab that is closed cancels the request to ${name}`, async () => {
      const provider = await fakeProvider({ endless: true });
      const demo = await Demo.start({ ...env(provider.origin), DEMO_UNWATCHED_MS: "50" });
      const controller = new AbortController();
      const response = await chat(demo, { prompt: "Go on" }, controller.signal);
      await response.body?.getReader().read();
      const { aborted } = await provider.requests.next("request");
      controller.abort();
      await within(aborted, "cancelled request");
    });

    test(`a refusal by ${name} is told, without its details`, async () => {
      const provider = await fakeProvider({ status: 401 });
      const demo = await Demo.start(env(provider.origin));
      const response = await chat(demo, { prompt: "Hello?" });
      const events = await eventsOf(response);
      expect(events.map(({ event }) => event)).toEqual(["error"]);
      expect(JSON.parse(events[0]?.data ?? "")).toEqual({
        error: "The service cannot reach the model.",
        code: "AUTHENTICATION",
      });
    });
  }
});

describe("the process", { timeout: 60_000 }, () => {
  test("does not print a secret that is too short", async () => {
    const { output, code } = await Demo.fail({ JWT_SECRET: "too-short" });
    expect(output).toContain("JWT_SECRET must be at least 32 characters");
    expect(output).not.toContain("too-short");
    expect(code).toBe(1);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("ends its streams and itself on %s", async (signal) => {
    const provider = await fakeProvider({ endless: true });
    const demo = await Demo.start({
      OPENAI_API_KEY: "test",
      OPENAI_BASE_URL: `${provider.origin}/v1`,
    });
    const token = await demo.token();
    const { id } = await (await ask(demo, "/conversations", { token, body: {} })).json();
    const tab = await ask(demo, `/conversations/${id}/events`, { token });
    const answer = await chat(demo, { prompt: "Go on" });
    const { aborted } = await provider.requests.next("request");
    const bodies = Promise.all([tab.text(), answer.text()]);
    expect(await demo.end(signal)).toBe(0);
    await within(bodies, "whole bodies");
    await within(aborted, "cancelled request");
    await eventually(() => demo.output.includes("aborted (closed)"), "end of the answer");
  });

  test("says so when the port is taken", async () => {
    const { port } = await listen(createServer());
    const { output, code } = await Demo.fail({ PORT: String(port) });
    expect(output).toContain(
      `Port ${port} is taken. Choose another one: PORT=${port + 1} npm run demo`,
    );
    expect(code).toBe(1);
  });

  test.each([
    ["PORT", "many", "a whole number from 0"],
    ["DEMO_PACE", "x", "a number from 0"],
    ["DEMO_UNWATCHED_MS", "-1", "a number of ms"],
    ["PROMPTS_PER_MINUTE", "0", "a whole number from 1"],
    ["TRUSTED_PROXIES", "all", "a whole number from 0"],
    ["CORS_ORIGINS", "https://a.example/path", "origins like"],
  ])("says so when %s is %s", async (name, value, expected) => {
    const { output, code } = await Demo.fail({ [name]: value });
    expect(output).toContain(`${name} must be ${expected}`);
    expect(output).toContain(`not "${value}"`);
    expect(code).toBe(1);
  });
});
