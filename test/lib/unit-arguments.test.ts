import { describe, expect, it } from "vitest";
import {
  closeAll,
  createChannel,
  createEventBuffer,
  createResponse,
  createSession,
  type Session,
  SseError,
} from "../../lib/index.ts";
import { createGenerations } from "../../lib/streaming/server.ts";
import { deferred, errorOf, within } from "../e2e/harness.ts";

/** A session over Fetch that is read to its end. */
async function connect(): Promise<Session> {
  const connected = deferred<Session>();
  const response = createResponse(new Request("http://x/"), { retry: null }, connected.resolve);
  void response.text();
  return within(connected.promise, "session");
}

/** Any function, as JavaScript calls it. */
type Untyped = Record<string, (...args: unknown[]) => unknown>;
const untyped = (object: object) => object as unknown as Untyped;

async function expectRefused(action: () => unknown, message: string) {
  const error = await errorOf(action);
  expect(error).toBeInstanceOf(SseError);
  expect(error.code).toBe("invalid-argument");
  expect(error.message).toBe(`stream-llm: ${message}`);
}

describe("options that are no object", () => {
  const calls: Record<string, (given: unknown, session: Session) => unknown> = {
    createSession: (given) => createSession(new Request("http://x/"), given as never),
    createResponse: (given) => createResponse(new Request("http://x/"), given as never, () => {}),
    createChannel: (given) => createChannel(given as never),
    createEventBuffer: (given) => createEventBuffer(given as never),
    closeAll: (given) => closeAll(given as never),
    "channel.close": (given) => createChannel().close(given as never),
    "channel.broadcast": (given) => createChannel().broadcast(1, "tick", given as never),
    "session.iterate": (given, session) => session.iterate([1], given as never),
    "session.stream": (given, session) => session.stream(new Blob().stream(), given as never),
    "buffer.iterate": (given) => createEventBuffer().iterate([1], given as never),
    "buffer.stream": (given) => createEventBuffer().stream(new Blob().stream(), given as never),
  };

  it.each(Object.entries(calls))(
    "are refused by %s, which does nothing then",
    async (_name, call) => {
      const session = await connect();
      const everyone = createChannel().register(session);
      await expectRefused(() => call("bye", session), 'options are "bye"; they must be an object.');
      await expectRefused(() => call(5, session), "options are 5; they must be an object.");
      await expectRefused(
        () => call([], session),
        "options are an object (Array); they must be an object.",
      );
      expect(everyone.sessionCount).toBe(1);
      expect(session.lastId).toBe("");
      await session.close();
    },
  );

  it("do not mind null and names that nobody knows", async () => {
    const session = await connect();
    const others = { keepalive: 5, compress: true } as never;
    createChannel(null as never).broadcast(1, "tick", null as never);
    createChannel(others).broadcast(1, "tick", others);
    expect(createEventBuffer(others).push(1, "message", "1").read()).toBe("id:1\ndata:1\n\n");
    await session.iterate([1], null as never);
    await createChannel(others).register(session).close(others);
    expect(session.isConnected).toBe(false);
  });
});

describe("arguments that are no function", () => {
  it("are refused by batch", async () => {
    const session = await connect();
    for (const [given, said] of [
      [5, "5"],
      [undefined, "undefined"],
      ["id:1", '"id:1"'],
      [[], "an object (Array)"],
    ]) {
      await expectRefused(
        () => untyped(session).batch?.(given),
        `a batch is ${said}; it must be an EventBuffer or a function that gets one.`,
      );
    }
    await session.close();
  });

  it("are refused by a broadcast's filter, be there sessions or none", async () => {
    const session = await connect();
    const channel = createChannel();
    const broadcast = (filter: unknown) => () =>
      untyped(channel).broadcast?.(1, "tick", { filter });
    const message = 'a filter must be a function, not "x".';
    await expectRefused(broadcast("x"), message);
    channel.register(session);
    await expectRefused(broadcast("x"), message);
    expect(channel.stats().broadcasts).toBe(0);
    expect(broadcast(null)).not.toThrow();
    await session.close();
  });
});

describe("headers of those who watch a generation", () => {
  const open = (headers: unknown) => {
    const generations = createGenerations();
    return generations
      .start("one", () => [])
      .then(() => generations.attach("one", new Request("http://x/"), { headers } as never));
  };

  it("may be Headers, and are no Map", async () => {
    const response = await open(new Headers({ "X-Own": "yes" }));
    expect(response?.headers.get("x-own")).toBe("yes");
    await response?.text();
    const error = await errorOf(() => open(new Map([["X-Own", "yes"]])));
    expect(error).toMatchObject({ code: "invalid-option" });
  });
});
