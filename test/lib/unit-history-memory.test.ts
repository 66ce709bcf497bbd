import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { historyLimits } from "../../lib/history/options.ts";
import { Ring } from "../../lib/history/ring.ts";
import { Unplaced } from "../../lib/history/unplaced.ts";
import { createChannel, type HistoryOptions } from "../../lib/index.ts";
import { native } from "../../lib/native.ts";
import { eventually } from "../e2e/harness.ts";
import { openSession } from "./sessions.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const ringOf = (history: HistoryOptions) =>
  new Ring<unknown>(native.newChannel(), historyLimits(history) as never);

/** Keeps an event with a filter; returns the filter, which nobody else holds. */
function keepFiltered(ring: Ring<unknown>, id: string): WeakRef<() => boolean> {
  const filter = () => id !== "";
  ring.send(["data", undefined, id], [new Float64Array(1), 0], filter);
  return new WeakRef(filter);
}

const isCollected = (reference: WeakRef<object>) => {
  collect();
  return reference.deref() === undefined;
};

describe("a history's memory", () => {
  it("is given back when nobody has the channel any more", async () => {
    const fill = () => {
      const ring = ringOf({ ms: null });
      ring.send(["x".repeat(1000), undefined, "1"]);
      expect(ring.held.bytes).toBeGreaterThan(1000);
      return ring.channel;
    };
    const channel = fill();
    await eventually(() => {
      collect();
      return native.historyState(channel)[1] === 0;
    }, "a history that is closed");
  });

  it("is given back when the events are too old, with their filters, though nobody asks", async () => {
    const ring = ringOf({ ms: 5 });
    const filter = keepFiltered(ring, "1");
    await eventually(() => isCollected(filter), "a filter that is collected");
    expect(ring.held.bytes).toBe(0);
  });

  it("has filters of what is held only", () => {
    const ring = ringOf({ events: 2, ms: null });
    for (const id of ["1", "2", "3"]) keepFiltered(ring, id);
    expect([1, 2, 3].map((number) => ring.firstFiltered(number, number + 1) === number)).toEqual([
      false,
      true,
      true,
    ]);
    ring.clear();
    expect(ring.firstFiltered(1, 4)).toBe(4);
  });

  it("has no session that was replayed to and has gone", async () => {
    const channel = createChannel({ history: true });
    channel.broadcast("1", "message", { eventId: "1" });
    const open = async () => {
      const { session, body } = await openSession();
      session.push("own");
      channel.register(session, { since: null }).deregister(session).register(session);
      await body();
      return new WeakRef(session);
    };
    const session = await open();
    await eventually(() => isCollected(session), "a session that is collected");
    expect(channel.sessionCount).toBe(0);
  });

  it("is bounded for what it knows of clients that were cut", () => {
    const unplaced = new Unplaced();
    for (let at = 0; at < 1000; at++) unplaced.add(at * 10, at * 10 + 5);
    // All that were added count, the oldest with what is between them.
    for (let at = 0; at < 1000; at++) expect(unplaced.has(at * 10 + 5)).toBe(true);
    expect(unplaced.has(9997)).toBe(false);
    expect(unplaced.has(7)).toBe(true);
    expect(unplaced.has(9987)).toBe(false);
  });
});
