import { expect, it, onTestFinished } from "vitest";
import type { Backplane, LogReceiver } from "../../lib/backplane.ts";
import type { LogPage } from "../../lib/history/log.ts";
import { Connection, createChannel, createSession } from "../../lib/index.ts";
import { nextTurn } from "../e2e/harness.ts";
import { event, openSession } from "./sessions.ts";

/** A log that says what the test has it say. */
class FakeLog {
  readonly entries: { id: string; number: number; name: string; data: string }[] = [];
  receiver!: LogReceiver;
  readonly signals: (AbortSignal | undefined)[] = [];
  isUnreadable = false;

  get backplane(): Backplane {
    const log = {
      read: async (since: string | null, signal?: AbortSignal): Promise<LogPage> => {
        this.signals.push(signal);
        if (this.isUnreadable) throw new Error("it is away");
        return { entries: this.entries.filter(({ id }) => since === null || id > since) };
      },
      countChanged() {},
    };
    const follow = (_: string, receiver: LogReceiver) => {
      this.receiver = receiver;
      return log as never;
    };
    return { follow, close: async () => {} };
  }

  add(number: number): void {
    this.entries.push({ id: `${number}-0`, number, name: "message", data: `${number}` });
  }
}

it("a session that is to have all waits until it is known where the log begins to be followed", async () => {
  const log = new FakeLog();
  const channel = createChannel({ name: "news", backplane: log.backplane });
  const { session, body } = await openSession();
  channel.register(session, { since: null });
  // The log was empty when it was read, and is not when its end is found.
  await nextTurn();
  log.add(1);
  log.receiver.onPosition({ id: "1-0", number: 1 });
  await nextTurn();
  log.add(2);
  log.receiver.onEntry(log.entries[1] as never);
  await nextTurn();
  expect(await body()).toBe(event("1-0", 1) + event("2-0", 2));
});

it("a session that is to have all of an empty log has what comes", async () => {
  const log = new FakeLog();
  const channel = createChannel({ name: "news", backplane: log.backplane });
  const { session, body } = await openSession();
  channel.register(session, { since: null });
  log.receiver.onPosition({ id: "0-0", number: 0 });
  await nextTurn();
  log.add(1);
  log.receiver.onEntry(log.entries[0] as never);
  await nextTurn();
  expect(await body()).toBe(event("1-0", 1));
});

it("a gap is told to sessions of whatever connection, each once", async () => {
  const log = new FakeLog();
  const channel = createChannel({ name: "news", backplane: log.backplane });
  log.receiver.onPosition({ id: "1-0", number: 1 });
  const chunks: string[] = [];
  class OwnConnection extends Connection {
    url = new URL("http://localhost/");
    request = new Request(this.url);
    response = new Response();
    sendHead(): void {}
    sendChunk(chunk: string): void {
      chunks.push(chunk);
    }
    cleanup(): void {}
  }
  const own = await createSession(new OwnConnection(), { retry: null, keepAlive: null });
  const { session, body } = await openSession();
  channel.register(own).register(session);
  log.add(3);
  log.receiver.onEntry(log.entries[0] as never);
  await nextTurn();
  const told = `event:gap\ndata:{"reason":"evicted","oldest":"3-0"}\n\n${event("3-0", 3)}`;
  expect(chunks.join("")).toBe(told);
  expect(await body()).toBe(told);
});

it("what is read for a session is told when that has gone", async () => {
  const log = new FakeLog();
  const channel = createChannel({ name: "news", backplane: log.backplane });
  const { session } = await openSession();
  channel.register(session, { since: null });
  expect(log.signals.map((signal) => signal?.aborted)).toEqual([false]);
  await session.close();
  expect(log.signals.map((signal) => signal?.aborted)).toEqual([true]);
});

it("a log that cannot be read is warned of once, however many sessions need it, until it can be again", async () => {
  const log = new FakeLog();
  const channel = createChannel({ name: "news", backplane: log.backplane });
  log.add(1);
  log.receiver.onPosition({ id: "1-0", number: 1 });
  const warnings: string[] = [];
  const onWarning = ({ message }: Error) => warnings.push(message);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const told: number[] = [];
  channel.on("gap", () => told.push(warnings.length));
  for (const isUnreadable of [true, false, true]) {
    log.isUnreadable = isUnreadable;
    for (let at = 0; at < 20; at++) {
      const { session } = await openSession("0-9");
      channel.register(session);
    }
    await nextTurn();
  }
  expect(told).toHaveLength(40);
  expect(warnings).toEqual(Array(2).fill("stream-llm: a log could not be read: it is away"));
});
