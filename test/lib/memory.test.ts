import type { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { createChannel, createResponse, type Session } from "../../lib/index.ts";
import { nextTurn, sessionOptions, within } from "../e2e/harness.ts";

/** How many listeners each event of an emitter has. */
function listeners(emitter: EventEmitter): Record<string, number> {
  const names = emitter.eventNames();
  return Object.fromEntries(names.map((name) => [String(name), emitter.listenerCount(name)]));
}

/** A connected session over a Fetch response, with the reader of its body. */
async function connectedSession() {
  let response: Response | undefined;
  const session = new Promise<Session>((resolve) => {
    response = createResponse(new Request("http://localhost/"), sessionOptions(), resolve);
  });
  const reader = (
    response as Response
  ).body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  await within(reader.read(), "first bytes");
  return { session: await within(session, "session"), reader };
}

describe("a channel's hold on its sessions", () => {
  it("is gone after 1000 cycles of register and deregister", async () => {
    const { session, reader } = await connectedSession();
    const channel = createChannel();
    const before = { session: listeners(session), channel: listeners(channel) };
    for (let cycle = 0; cycle < 1000; cycle++) {
      channel.register(session);
      channel.deregister(session);
    }
    expect({ session: listeners(session), channel: listeners(channel) }).toEqual(before);
    channel.broadcast("to nobody");
    session.push("only this", "message", "1");
    const { value } = await within(reader.read(), "event");
    expect(new TextDecoder().decode(value)).toBe('id:1\ndata:"only this"\n\n');
    await reader.cancel();
  });

  it("is gone after 1000 channels that had it registered", async () => {
    const { session, reader } = await connectedSession();
    const before = listeners(session);
    for (let cycle = 0; cycle < 1000; cycle++) {
      createChannel().register(session).deregister(session);
    }
    expect(listeners(session)).toEqual(before);
    await reader.cancel();
  });

  it("counts a session once, however often it is registered", async () => {
    const { session, reader } = await connectedSession();
    const channel = createChannel();
    let registered = 0;
    channel.on("session-registered", () => registered++);
    for (let cycle = 0; cycle < 10; cycle++) channel.register(session);
    expect({ registered, count: channel.sessionCount }).toEqual({ registered: 1, count: 1 });
    channel.broadcast("once", "message", { eventId: "1" });
    const { value } = await within(reader.read(), "event");
    expect(new TextDecoder().decode(value)).toBe('id:1\ndata:"once"\n\n');
    await reader.cancel();
  });

  it("ends when the session does, in every channel it was registered with", async () => {
    const { session, reader } = await connectedSession();
    const channels = Array.from({ length: 10 }, () => createChannel().register(session));
    const left: string[] = [];
    for (const channel of channels) {
      channel.on("session-disconnected", () => left.push("disconnected"));
      channel.on("session-deregistered", () => left.push("deregistered"));
    }
    await reader.cancel();
    await nextTurn();
    expect(channels.map(({ sessionCount }) => sessionCount)).toEqual(Array(10).fill(0));
    expect(left).toEqual(Array(10).fill(["disconnected", "deregistered"]).flat());
  });
});

describe("a session that has ended", () => {
  it("can be collected, and so can its state", async () => {
    const gone = new Set<string>();
    const registry = new FinalizationRegistry<string>((name) => gone.add(name));
    const channel = createChannel();
    const open = async () => {
      const { session, reader } = await connectedSession();
      registry.register(session, "session");
      registry.register(session.state, "state");
      channel.register(session);
      session.push("x");
      await reader.cancel();
    };
    await open();
    const collect = (globalThis as { gc?: () => void }).gc ?? (await exposedGc());
    for (let turn = 0; turn < 200 && gone.size < 2; turn++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect([...gone].sort()).toEqual(["session", "state"]);
    expect(channel.sessionCount).toBe(0);
  });
});

/** The garbage collector's own function, without a flag at start. */
async function exposedGc(): Promise<() => void> {
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
