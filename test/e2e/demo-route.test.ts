import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { launchBrowser } from "./browser.ts";
import { ask, openPage, watchAnswer } from "./demo-page.ts";
import { Demo } from "./demo-server.ts";
import { eventually, listen, parseStream, within } from "./harness.ts";
import { fakeProvider } from "./providers.ts";

const root = new URL("../../", import.meta.url);

const chat = (demo: Demo, body: unknown, signal?: AbortSignal) =>
  fetch(`${demo.origin}/api/chat`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: signal ?? null,
  });

describe("the route", { timeout: 60_000 }, () => {
  test("sends events one by one to the curl command that README and server tell", async () => {
    const demo = await Demo.start({ DEMO_UNWATCHED_MS: "50" });
    const readme = readFileSync(new URL("README.md", root), "utf8");
    const command = readme.match(/^curl -N .*$/m)?.[0] ?? "";
    const here = command.replace("http://localhost:3000", demo.origin);
    expect(demo.output).toContain(here);

    const curl = spawn("sh", ["-c", `exec ${here} -s`], { stdio: ["ignore", "pipe", "inherit"] });
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
    const response = await chat(demo, { prompt: "A poem, please" });
    const { events, errors } = parseStream(new Uint8Array(await response.arrayBuffer()));
    expect(errors).toEqual([]);
    expect(events[0]).toMatchObject({ event: "start" });
    expect(events.at(-2)).toMatchObject({ event: "metadata", data: '{"finishReason":"stop"}' });
    expect(events.at(-1)).toMatchObject({ event: "done", data: "{}" });
    const tokens = events
      .filter(({ event }) => event === "token")
      .map(({ data }) => JSON.parse(data).token);
    const poem = readFileSync(new URL("examples/chat/answers/poem.md", root), "utf8");
    expect(tokens.join("")).toBe(poem.replace(/^# .*\n+/, "").trimEnd());
  });

  test("refuses what is no prompt", async () => {
    const demo = await Demo.start();
    const refused: [body: string, status: number][] = [
      ["{}", 400],
      ['{"prompt":"  "}', 400],
      ['{"prompt":{"a":1}}', 400],
      [JSON.stringify({ prompt: "x".repeat(4001) }), 400],
      ["{", 400],
      [JSON.stringify({ prompt: "x".repeat(40_000) }), 413],
    ];
    for (const [body, status] of refused) {
      const response = await chat(demo, body);
      expect(response.status, body.slice(0, 40)).toBe(status);
      expect(await response.json()).toEqual({ error: expect.any(String) });
    }
  });

  test("has nothing to stream or to stop where there is no such answer", async () => {
    const demo = await Demo.start();
    const address = `${demo.origin}/api/chat/nobody`;
    expect((await fetch(`${address}/stream`)).status).toBe(204);
    expect((await fetch(`${address}/stop`, { method: "POST" })).status).toBe(204);
  });

  test("refuses GET, which a reconnecting EventSource would send", async () => {
    const demo = await Demo.start();
    const response = await fetch(`${demo.origin}/api/chat?prompt=hello`);
    expect(response.status).toBe(405);
    expect(await response.text()).toContain("curl -N");
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
      const { events } = parseStream(new Uint8Array(await response.arrayBuffer()));

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

    test(`Stop cancels the request to ${name}`, async () => {
      const provider = await fakeProvider({ endless: true });
      const demo = await Demo.start(env(provider.origin));
      const browser = await launchBrowser();
      const page = await openPage(await browser.newContext(), demo);
      await ask(page, "Go on for ever");
      const { aborted } = await provider.requests.next("request");
      await watchAnswer(page, 3);
      await page.getByRole("button", { name: "Stop" }).click();
      await within(aborted, "cancelled request");
      await demo.printed("aborted (stopped)");
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
      const { events } = parseStream(new Uint8Array(await response.arrayBuffer()));
      expect(events.map(({ event }) => event)).toEqual(["error"]);
      expect(JSON.parse(events[0]?.data ?? "")).toEqual({
        error: "The service cannot reach the model.",
        code: "AUTHENTICATION",
      });
    });
  }
});

describe("the process", { timeout: 60_000 }, () => {
  test.each(["SIGINT", "SIGTERM"] as const)("ends its streams and itself on %s", async (signal) => {
    const provider = await fakeProvider({ endless: true });
    const demo = await Demo.start({
      OPENAI_API_KEY: "test",
      OPENAI_BASE_URL: `${provider.origin}/v1`,
    });
    const viewers = await fetch(`${demo.origin}/api/viewers`);
    const answer = await chat(demo, { prompt: "Go on" });
    const { aborted } = await provider.requests.next("request");
    const bodies = Promise.all([viewers.text(), answer.text()]);
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
  ])("says so when %s is %s", async (name, value, expected) => {
    const { output, code } = await Demo.fail({ [name]: value });
    expect(output).toContain(`${name} must be ${expected}`);
    expect(output).toContain(`not "${value}"`);
    expect(code).toBe(1);
  });
});
