import { UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import { ask, refusalOf, secret, sign } from "./demo-asking.ts";
import { Demo } from "./demo-server.ts";
import { parseStream } from "./harness.ts";

describe("who may ask the chat", { timeout: 60_000 }, () => {
  test("everything but the token asks for one of the server's that has not expired", async () => {
    const demo = await Demo.start({ JWT_SECRET: secret });
    const unsigned = new UnsecuredJWT().setIssuer("stream-llm-chat").setSubject("a").encode();
    const bad = {
      none: undefined,
      nonsense: "x.y.z",
      unsigned,
      forged: await sign({ key: secret.toUpperCase() }),
      expired: await sign({ expires: "1 s ago" }),
      "of another service": await sign({ audience: "another" }),
    };
    const routes: [path: string, body?: object][] = [
      ["/providers"],
      ["/conversations", {}],
      ["/conversations/x"],
      ["/conversations/x/events"],
      ["/chat", { prompt: "Hi" }],
      ["/chat/x/stream"],
      ["/chat/x/stop", {}],
    ];
    for (const [kind, token] of Object.entries(bad)) {
      for (const [path, body] of routes) {
        const asked = { ...(token !== undefined && { token }), ...(body && { body }) };
        const response = await ask(demo, path, asked);
        expect(await refusalOf(response), `${kind} at ${path}`).toBe("401 unauthorized");
        expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
      }
    }
    expect((await ask(demo, "/providers", { token: await sign() })).status).toBe(200);
  });

  test("what happens in a conversation is told until the token expires, and with the next one", async () => {
    const demo = await Demo.start({ JWT_SECRET: secret });
    const { id } = await (
      await ask(demo, "/conversations", { token: await sign(), body: {} })
    ).json();
    const path = `/conversations/${id}/events`;
    const token = await sign({ expires: "2 s" });
    const told = await (await ask(demo, path, { token })).text();
    expect(parseStream(told).events.map(({ event }) => event)).toEqual(["hello", "here"]);
    expect(await refusalOf(await ask(demo, path, { token }))).toBe("401 unauthorized");
    const next = await ask(demo, path, { token: await sign() });
    expect(next.status).toBe(200);
    await next.body?.cancel();
  });

  test("a token is renewed for the same person; a bad one becomes another person's", async () => {
    const demo = await Demo.start({ JWT_SECRET: secret });
    const renewed = async (token: string) => {
      const response = await ask(demo, "/session", { method: "POST", token });
      return (await response.json()).token as string;
    };
    const token = await sign();
    const { id } = await (await ask(demo, "/conversations", { token, body: {} })).json();
    const path = `/conversations/${id}`;
    expect((await ask(demo, path, { token: await renewed(token) })).status).toBe(200);
    const stranger = await renewed(await sign({ expires: "1 s ago" }));
    expect((await ask(demo, path, { token: stranger })).status).toBe(403);
  });

  test("a conversation and its answers are its owner's alone", async () => {
    const demo = await Demo.start({ DEMO_PACE: "3" });
    const [owner, other] = await Promise.all([demo.token(), demo.token()]);
    const { id } = await (await ask(demo, "/conversations", { token: owner, body: {} })).json();
    const question = { id: "answer-0001", prompt: "A poem, please", conversation: id };
    const answer = await ask(demo, "/chat", { token: owner, body: question });
    expect(answer.status).toBe(200);

    const theirs: [path: string, body?: object][] = [
      [`/conversations/${id}`],
      [`/conversations/${id}/events`],
      ["/chat", { ...question, id: "answer-0002" }],
      ["/chat", { prompt: "Mine now", id: question.id }],
      ["/chat/answer-0001/stream"],
      ["/chat/answer-0001/stop", {}],
    ];
    for (const [path, body] of theirs) {
      const response = await ask(demo, path, { token: other, ...(body && { body }) });
      const wanted = body && "id" in body && !("conversation" in body) ? 409 : 403;
      expect(response.status, path).toBe(wanted);
      await response.body?.cancel();
    }
    // Nor one that was asked again, and is no part of the conversation any more.
    const stop = await ask(demo, "/chat/answer-0001/stop", { token: owner, body: {} });
    expect(await stop.json()).toEqual({ stopped: true });
    const { events } = parseStream(new Uint8Array(await answer.arrayBuffer()));
    expect(events.at(-1)?.event).toBe("error");
    const again = { ...question, id: "answer-0003", turn: 0 };
    await (await ask(demo, "/chat", { token: owner, body: again })).body?.cancel();
    const replaced = await ask(demo, "/chat/answer-0001/stream", { token: other });
    expect(await refusalOf(replaced)).toBe("403 forbidden");
  });

  test("a conversation has one answer at a time, and no answer twice", async () => {
    const demo = await Demo.start({ DEMO_PACE: "3" });
    const token = await demo.token();
    const { id } = await (await ask(demo, "/conversations", { token, body: {} })).json();
    const question = { prompt: "A poem, please", conversation: id };
    const first = await ask(demo, "/chat", { token, body: { ...question, id: "answer-1" } });
    const second = await ask(demo, "/chat", { token, body: question });
    expect(await refusalOf(second)).toBe("409 answering");
    await ask(demo, "/chat/answer-1/stop", { token, body: {} });
    await first.text();
    const again = await ask(demo, "/chat", { token, body: { ...question, id: "answer-1" } });
    expect(await refusalOf(again)).toBe("409 generation-exists");
  });

  test("whoever asks too often is told when to ask again; others are not concerned", async () => {
    const demo = await Demo.start({ PROMPTS_PER_MINUTE: "2", DEMO_PACE: "0" });
    const [token, other] = await Promise.all([demo.token(), demo.token()]);
    const body = { prompt: "Hello" };
    for (let asked = 0; asked < 2; asked++) {
      const response = await ask(demo, "/chat", { token, body });
      expect(response.status).toBe(200);
      await response.text();
    }
    const refused = await ask(demo, "/chat", { token, body });
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    expect(refused.headers.get("RateLimit-Policy")).toContain("q=2; w=60");
    expect(await refusalOf(refused)).toBe("429 rate-limit");
    const allowed = await ask(demo, "/chat", { token: other, body });
    expect(allowed.status).toBe(200);
    await allowed.text();
  });

  test("only pages of the origins named may read answers; their preflight needs no token", async () => {
    const friend = "https://app.example.com";
    const demo = await Demo.start({ CORS_ORIGINS: `${friend} https://b.example.com` });
    const preflight = (Origin: string) =>
      ask(demo, "/chat", {
        method: "OPTIONS",
        headers: {
          Origin,
          "Access-Control-Request-Method": "POST",
          "Access-Control-Request-Headers": "authorization,content-type",
        },
      });
    const allowed = await preflight(friend);
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("Access-Control-Allow-Origin")).toBe(friend);
    expect(allowed.headers.get("Access-Control-Allow-Headers")).toContain("authorization");
    expect(allowed.headers.get("Access-Control-Allow-Credentials")).toBe(null);
    const refused = await preflight("https://app.example.com.evil.example");
    expect(refused.headers.get("Access-Control-Allow-Origin")).toBe(null);
  });

  test("the page may load and run what the server has, and nothing else", async () => {
    const demo = await Demo.start();
    const page = await fetch(demo.origin);
    const policy = page.headers.get("Content-Security-Policy") ?? "";
    const directives = policy.split(";").map((directive) => directive.trim());
    expect(directives).toEqual(
      expect.arrayContaining([
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "frame-ancestors 'none'",
      ]),
    );
    expect(policy).not.toContain("unsafe");
    expect(page.headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(page.headers.get("X-Powered-By")).toBe(null);
    const html = await page.text();
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)?.[1];
    const asset = await fetch(`${demo.origin}${script}`);
    expect(asset.headers.get("Cache-Control")).toContain("immutable");
  });

  test("a prompt, an id, a provider or a body that is none is refused", async () => {
    const demo = await Demo.start();
    const token = await demo.token();
    const refused: [body: string | object, refusal: string][] = [
      [{}, "400 invalid-prompt"],
      [{ prompt: "  " }, "400 invalid-prompt"],
      [{ prompt: { a: 1 } }, "400 invalid-prompt"],
      [{ prompt: "x".repeat(4001) }, "400 invalid-prompt"],
      ["[]", "400 invalid-prompt"],
      ["{", "400 entity.parse.failed"],
      [{ prompt: "x".repeat(40_000) }, "413 entity.too.large"],
      [{ prompt: "Hi", id: "../../x" }, "400 invalid-id"],
      [{ prompt: "Hi", id: 7 }, "400 invalid-id"],
      [{ prompt: "Hi", provider: "openai" }, "400 invalid-provider"],
      [{ prompt: "Hi", conversation: "nobody's" }, "404 not-found"],
    ];
    for (const [body, refusal] of refused) {
      const response = await ask(demo, "/chat", { token, body });
      expect(await refusalOf(response), JSON.stringify(body).slice(0, 40)).toBe(refusal);
    }
    expect(await refusalOf(await ask(demo, "/nothing", { token }))).toBe("404 not-found");
  });
});
