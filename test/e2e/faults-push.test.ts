import { describe, expect, it } from "vitest";
import { createChannel, type Session, SseError } from "../../lib/index.ts";
import { errorOf, nextTurn, RawClient, strayErrors } from "./harness.ts";
import { serveSessions } from "./serve.ts";

type ServeOptions = Parameters<typeof serveSessions>[0];

/** A server with `count` sessions, each read by a raw client of its own. */
async function connected(count: number, options: ServeOptions = {}) {
  const server = await serveSessions({ retry: null, keepAlive: null, ...options });
  const open: { session: Session; client: RawClient }[] = [];
  for (let index = 0; index < count; index++) {
    const client = await RawClient.get(server.port, "/");
    open.push({ session: await server.sessions.next("session"), client });
  }
  return { server, open };
}

async function one(options: ServeOptions = {}) {
  const { server, open } = await connected(1, options);
  return { server, ...(open[0] as (typeof open)[0]) };
}

function circular() {
  const value: { self?: unknown } = {};
  value.self = value;
  return value;
}

describe("data that cannot be sent", () => {
  it.each([
    ["undefined", undefined, "not-serializable"],
    ["a function", () => 1, "not-serializable"],
    ["a symbol", Symbol("s"), "not-serializable"],
    ["a BigInt", 1n, undefined],
    ["a circular object", circular(), undefined],
    ["an object whose toJSON gives undefined", { toJSON: () => undefined }, "not-serializable"],
  ])("is a TypeError at the caller, and the stream stays whole: %s", async (_name, data, code) => {
    const { session, client } = await one();
    const channel = createChannel().register(session);
    session.push("before", "message", "1");
    for (const send of [() => session.push(data), () => channel.broadcast(data)]) {
      const error = await errorOf(send);
      expect(error).toBeInstanceOf(TypeError);
      if (code) expect(error.code).toBe(code);
    }
    expect(session.lastId).toBe("1");
    session.push("after", "message", "2");
    await session.close();
    await client.bodyIsWhole();
    expect(client.body).toBe('id:1\ndata:"before"\n\nid:2\ndata:"after"\n\n');
  });

  it.each([1, null, undefined, {}, Symbol("s")])(
    "is a TypeError when the serializer or sanitizer gives no string: %s",
    async (given) => {
      const broken = () => given as string;
      for (const options of [{ serializer: broken }, { sanitizer: broken }]) {
        const { session, client } = await one(options);
        const error = await errorOf(() => session.push("x", "name", "1"));
        expect(error).toBeInstanceOf(TypeError);
        expect(error.code).toBe("not-serializable");
        await session.close();
        await client.bodyIsWhole();
        expect(client.body).toBe("");
      }
    },
  );

  it("leaves a batch as far as it had come, and the stream whole", async () => {
    const { session, client } = await one();
    const error = await errorOf(() =>
      session.batch((buffer) => {
        buffer.push("in a batch", "message", "1");
        buffer.push(1n);
      }),
    );
    expect(error).toBeInstanceOf(TypeError);
    session.push("after", "message", "2");
    await session.close();
    await client.bodyIsWhole();
    expect(client.body).toBe('id:2\ndata:"after"\n\n');
  });
});

describe("event names and ids that are no strings", () => {
  it.each([1, {}, null, Symbol("s"), ["a"]])("are refused, nothing is sent: %s", async (bad) => {
    const { session, client } = await one();
    const channel = createChannel().register(session);
    for (const send of [
      () => session.push("x", bad as string),
      () => session.push("x", "name", bad as string),
      () => channel.broadcast("x", bad as string),
      () => channel.broadcast("x", "name", { eventId: bad as string }),
    ]) {
      const error = await errorOf(send);
      expect(error).toBeInstanceOf(SseError);
      expect(error.code).toBe("invalid-argument");
    }
    await session.close();
    await client.bodyIsWhole();
    expect(client.body).toBe("");
  });
});

describe("a push when nobody is there", () => {
  it("is an SseError after the client has gone, and after close()", async () => {
    const { server, session, client } = await one();
    await client.destroy();
    await server.disconnects.next("disconnect");
    const error = await errorOf(() => session.push("late"));
    expect(error).toBeInstanceOf(SseError);
    expect(error).toMatchObject({ name: "SseError", code: "not-connected" });
    expect(error.message).toMatch(/^stream-llm: /);
    const closed = await one();
    await closed.session.close();
    expect(await errorOf(() => closed.session.push("late"))).toMatchObject({
      code: "not-connected",
    });
  });

  it("is an SseError for everything that sends: stream, iterate, batch, drained, register", async () => {
    const { server, session, client } = await one();
    await client.reset();
    await server.disconnects.next("disconnect");
    await expect(session.drained()).rejects.toMatchObject({ code: "not-connected" });
    await expect(session.batch((buffer) => void buffer.push("x"))).rejects.toMatchObject({
      code: "not-connected",
    });
    expect(await errorOf(() => createChannel().register(session))).toMatchObject({
      code: "not-connected",
    });
    await expect(session.close()).resolves.toBeUndefined();
  });

  it("reaches the others of a channel", async () => {
    const { server, open } = await connected(3);
    const channel = createChannel();
    for (const { session } of open) channel.register(session);
    await open[1]?.client.reset();
    await server.disconnects.next("disconnect");
    channel.broadcast("still here", "message", { eventId: "1" });
    for (const { client } of [open[0], open[2]] as typeof open) {
      await client.bodyIncludes('id:1\ndata:"still here"\n\n');
    }
    expect(channel.sessionCount).toBe(2);
  });
});

describe("a callback of the application that throws", () => {
  it("as a filter skips that session alone, then reaches the caller", async () => {
    const { open } = await connected(3);
    const channel = createChannel();
    for (const { session } of open) channel.register(session);
    const refused = open[1]?.session;
    const filter = (session: Session) => {
      if (session === refused) throw new Error("filter broke");
      return true;
    };
    const error = await errorOf(() => channel.broadcast("x", "message", { eventId: "1", filter }));
    expect(error.message).toBe("filter broke");
    channel.broadcast("y", "message", { eventId: "2" });
    for (const { session, client } of open) {
      await session.close();
      await client.bodyIsWhole();
      const first = session === refused ? "" : 'id:1\ndata:"x"\n\n';
      expect(client.body).toBe(`${first}id:2\ndata:"y"\n\n`);
    }
  });

  it("as one session's serializer harms no other session of the channel", async () => {
    const { server, open } = await connected(2);
    let calls = 0;
    const serializer = (data: unknown) => {
      if (++calls === 1) throw new Error("serializer broke");
      return String(data);
    };
    const { open: special } = await connected(2, { serializer });
    const all = [...special, ...open];
    const channel = createChannel();
    for (const each of all) channel.register(each.session);
    const error = await errorOf(() => channel.broadcast("x", "message", { eventId: "1" }));
    expect(error.message).toBe("serializer broke");
    channel.broadcast("y", "message", { eventId: "2" });
    for (const each of all) await each.session.close();
    for (const each of all) await each.client.bodyIsWhole();
    expect(special.map(({ client }) => client.body)).toEqual([
      "id:2\ndata:y\n\n",
      "id:1\ndata:x\n\nid:2\ndata:y\n\n",
    ]);
    for (const { client: other } of open) {
      expect(other.body).toBe('id:1\ndata:"x"\n\nid:2\ndata:"y"\n\n');
    }
    expect(server.disconnects.seen).toHaveLength(2);
  });

  it("as a push or broadcast listener reaches the caller once every session has the event", async () => {
    const { open } = await connected(3);
    const channel = createChannel();
    for (const { session } of open) channel.register(session);
    const heard: unknown[] = [];
    open[0]?.session.on("push", () => {
      throw new Error("push listener broke");
    });
    open[1]?.session.on("push", (data) => heard.push(data));
    channel.once("broadcast", (data) => heard.push(data));
    expect((await errorOf(() => channel.broadcast("x", "message", { eventId: "1" }))).message).toBe(
      "push listener broke",
    );
    expect(heard).toEqual(["x", "x"]);
    open[0]?.session.removeAllListeners("push");
    channel.on("broadcast", () => {
      throw new Error("broadcast listener broke");
    });
    expect((await errorOf(() => channel.broadcast("y", "message", { eventId: "2" }))).message).toBe(
      "broadcast listener broke",
    );
    for (const { client } of open) {
      await client.bodyIncludes('id:1\ndata:"x"\n\nid:2\ndata:"y"\n\n');
    }
  });

  it("as a disconnected listener is a warning, and the channel lets the session go", async () => {
    const strays = strayErrors();
    const { open } = await connected(2);
    const channel = createChannel();
    const [gone, other] = open as [(typeof open)[0], (typeof open)[0]];
    gone.session.prependListener("disconnected", () => {
      throw new Error("disconnected listener broke");
    });
    for (const { session } of open) channel.register(session);
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    await gone.client.destroy();
    const warning = await warned;
    expect(warning.name).toBe("SseError");
    expect(`${warning.message} ${(warning as { detail?: string }).detail}`).toContain(
      "disconnected listener broke",
    );
    expect(channel.sessionCount).toBe(1);
    channel.broadcast("x", "message", { eventId: "1" });
    await other.client.bodyIncludes('data:"x"');
    await nextTurn();
    expect(await strays()).toEqual([]);
  });
});

describe("a session's own methods, taken off it", () => {
  it("work detached, as better-sse's do", async () => {
    const { session, client } = await one();
    const { push, batch, iterate, stream } = session;
    const { broadcast } = createChannel().register(session);
    push("a", "message", "1");
    await batch((buffer) => void buffer.push("b", "message", "2"));
    await iterate([3]);
    broadcast("d", "message", { eventId: "4" });
    await stream(new ReadableStream({ start: (controller) => controller.close() }));
    await client.bodyIncludes('id:4\ndata:"d"\n\n');
    expect(client.body).toContain('id:1\ndata:"a"\n\nid:2\ndata:"b"\n\nevent:iteration\n');
  });
});
