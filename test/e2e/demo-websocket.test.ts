import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { ask, secret, sign } from "./demo-asking.ts";
import { Demo } from "./demo-server.ts";
import { Queue, within } from "./harness.ts";

interface Told {
  type: string;
  id?: string;
  text?: string;
  message?: string;
}

/** A client with a token. */
async function connect(demo: Demo, token: string) {
  const ws = new WebSocket(demo.origin.replace("http", "ws").concat("/api/ws"), [
    "stream-llm",
    token,
  ]);
  onTestFinished(() => ws.terminate());
  const told = new Queue<Told>();
  ws.on("message", (data) => told.put(JSON.parse(String(data))));
  await once(ws, "open");
  return { ws, told, say: (message: object) => ws.send(JSON.stringify(message)) };
}

/** The status with which an upgrade is refused. */
async function refusal(demo: Demo, protocols: string[], options = {}, path = "/api/ws") {
  const address = demo.origin.replace("http", "ws").concat(path);
  const ws = new WebSocket(address, protocols, options);
  const opened = once(ws, "open").then(() => 101);
  const refused = once(ws, "unexpected-response").then(([, response]) => response.statusCode);
  ws.on("error", () => {});
  const status = await Promise.race([opened, refused]);
  ws.terminate();
  return status;
}

describe("the chat over WebSocket", { timeout: 60_000 }, () => {
  test("opens for those who have a token, and for pages of our origin", async () => {
    const demo = await Demo.start({ CORS_ORIGINS: "https://app.example.com" });
    const token = await demo.token();
    const good = ["stream-llm", token];
    expect(await refusal(demo, good)).toBe(101);
    expect(await refusal(demo, good, { origin: demo.origin })).toBe(101);
    expect(await refusal(demo, good, { origin: "https://app.example.com" })).toBe(101);
    expect(await refusal(demo, good, { origin: "https://evil.example" })).toBe(403);
    expect(await refusal(demo, good, { origin: "null" })).toBe(403);
    expect(await refusal(demo, [])).toBe(401);
    expect(await refusal(demo, ["stream-llm"])).toBe(401);
    expect(await refusal(demo, ["stream-llm", `${token}x`])).toBe(401);
    expect(await refusal(demo, [token])).toBe(401);
    expect(await refusal(demo, good, undefined, "/api/other")).toBe(404);
    expect(await refusal(demo, good, undefined, "//")).toBe(404);
  });

  test("answers, and gives nobody another one's conversation or answer", async () => {
    const demo = await Demo.start({ DEMO_PACE: "3" });
    const [token, other] = await Promise.all([demo.token(), demo.token()]);
    const { id: conversation } = await (
      await ask(demo, "/conversations", { token, body: {} })
    ).json();
    const owner = await connect(demo, token);
    owner.say({ type: "chat", id: "answer-0001", prompt: "A poem, please", conversation });
    let first = await owner.told.next();
    while (first.type !== "text") first = await owner.told.next();
    expect(first).toMatchObject({ id: "answer-0001", text: "The" });

    const stranger = await connect(demo, other);
    stranger.say({ type: "chat", id: "answer-0002", prompt: "Hi", conversation });
    expect(await stranger.told.next()).toMatchObject({
      type: "error",
      id: "answer-0002",
      message: expect.stringContaining("This conversation is not yours."),
    });
    for (const type of ["resume", "cancel"]) {
      stranger.say({ type, id: "answer-0001" });
      expect(await stranger.told.next()).toMatchObject({ type: "error", code: "forbidden" });
    }
    const page = await ask(demo, "/chat/answer-0001/stream", { token });
    owner.say({ type: "cancel", id: "answer-0001" });
    let last = await owner.told.next();
    while (last.type === "text") last = await owner.told.next();
    expect(last.type).toBe("cancelled");
    expect(await page.text()).toContain("ABORTED");
  });

  test("is closed when its token expires, for the page to come back with another", async () => {
    const demo = await Demo.start({ JWT_SECRET: secret });
    const { ws } = await connect(demo, await sign({ expires: "2 s" }));
    const lasting = await connect(demo, await sign());
    const [code, reason] = await within(once(ws, "close"), "close");
    expect([code, String(reason)]).toEqual([1012, "token expired"]);
    expect(lasting.ws.readyState).toBe(WebSocket.OPEN);
  });

  test("counts openings with the requests of the same address", async () => {
    const demo = await Demo.start({ TRUSTED_PROXIES: "1" });
    const token = await demo.token();
    const headers = { "X-Forwarded-For": "203.0.113.9, 203.0.113.7" };
    for (let asked = 0; asked < 299; asked++) {
      expect((await ask(demo, "/providers", { token, headers })).status).toBe(200);
    }
    const good = ["stream-llm", token];
    expect(await refusal(demo, good, { headers })).toBe(101);
    expect(await refusal(demo, good, { headers })).toBe(429);
    expect((await ask(demo, "/providers", { token, headers })).status).toBe(429);
    const others = { "X-Forwarded-For": "203.0.113.7, 203.0.113.9" };
    expect(await refusal(demo, good, { headers: others })).toBe(101);
  });

  test("counts questions with those of HTTP", async () => {
    const demo = await Demo.start({ PROMPTS_PER_MINUTE: "2", DEMO_PACE: "0" });
    const token = await demo.token();
    await (await ask(demo, "/chat", { token, body: { prompt: "Hello" } })).text();
    const { say, told } = await connect(demo, token);
    say({ type: "chat", id: "answer-0001", prompt: "Hello" });
    let last = await told.next();
    while (last.type !== "done") last = await told.next();
    say({ type: "chat", id: "answer-0002", prompt: "Hello" });
    expect(await told.next()).toMatchObject({
      type: "error",
      id: "answer-0002",
      message: expect.stringContaining("Too many requests."),
    });
    expect((await ask(demo, "/chat", { token, body: { prompt: "Hello" } })).status).toBe(429);
  });
});
