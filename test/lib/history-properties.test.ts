import fc from "fast-check";
import { expect, it } from "vitest";
import { type Channel, createChannel } from "../../lib/index.ts";
import { parseStream, within } from "../e2e/harness.ts";
import { openStalled } from "./sessions.ts";

/** A channel that sends its name with numbers from 1. */
class Counting {
  readonly name: string;
  readonly channel: Channel;
  readonly ids: string[] = [];
  readonly #hasOwnIds: boolean;

  constructor(name: string, events: number, hasOwnIds: boolean) {
    this.name = name;
    this.#hasOwnIds = hasOwnIds;
    this.channel = createChannel({ history: { events } });
    this.channel.on("broadcast", (_data, _name, id) => this.ids.push(id));
  }

  get count() {
    return this.ids.length;
  }

  send(times: number, size: number, isFiltered: boolean) {
    for (let time = 0; time < times; time++) {
      const data = `${this.name}${this.count + 1} ${"x".repeat(size)}`;
      this.channel.broadcast(data, "message", {
        ...(this.#hasOwnIds && { eventId: `${this.name}-${this.count + 1}` }),
        ...(isFiltered && { filter: () => true }),
      });
    }
  }
}

/** A client that checks the numbers of what it gets. */
class CheckingClient {
  readonly #channels: Counting[];
  /** The number that comes next on each channel; undefined after a gap, as any may. */
  readonly #next = new Map<Counting, number | undefined>();
  #lastId = "";
  #connection: Awaited<ReturnType<typeof openStalled>> | undefined;

  constructor(channels: Counting[]) {
    this.#channels = channels;
  }

  async connect({ greeting, isReversed, maxBufferedBytes, onGap }: Connect) {
    if (this.#connection) return;
    const connection = await openStalled(this.#lastId, { maxBufferedBytes });
    const { session } = connection;
    // A client that has got no id yet begins with what is live.
    if (this.#lastId === "") {
      for (const each of this.#channels) this.#next.set(each, each.count + 1);
    }
    const [first, second] = isReversed ? this.#channels.toReversed() : this.#channels;
    if (greeting === "before") session.push("hello");
    first?.channel.register(session, { onGap });
    if (greeting === "between") session.push("hello");
    second?.channel.register(session, { onGap });
    this.#connection = connection;
  }

  push(how: "push" | "batch") {
    const session = this.#connection?.session;
    if (!session?.isConnected) return;
    if (how === "push") session.push("hello");
    else void session.batch((buffer) => buffer.push("hello"));
  }

  /** Reads on while there is something, `times` times at most. */
  async read(times: number) {
    for (let time = 0; time < times; time++) if (!(await this.#readOnce())) return;
  }

  /** A client that was too slow gets an error. */
  async #readOnce() {
    return this.#connection?.readIfAny().catch(() => false);
  }

  /** Loses the connection when it has got this part of what it could have read. */
  async cut(part: number) {
    const connection = this.#connection;
    this.#connection = undefined;
    if (!connection) return;
    const { session, text } = connection;
    const ended = new Promise<void>((resolve) => {
      if (session.isConnected) session.once("disconnected", () => resolve());
      else resolve();
    });
    await connection.cancel().catch(() => {});
    await within(ended, "end of the session");
    this.#check(text.slice(0, Math.ceil(text.length * part)));
  }

  #check(text: string) {
    for (const { event, id, data } of parseStream(text).events) {
      this.#lastId = id ?? this.#lastId;
      if (event === "gap") this.#onGap(JSON.parse(data).oldest);
      const [, name, digits] = /^"([AB])(\d+) /.exec(data) ?? [];
      const from = this.#channels.find((each) => each.name === name);
      if (!from) continue;
      const next = this.#next.get(from);
      if (next !== undefined) expect(`${name}${digits}`).toBe(`${name}${next}`);
      this.#next.set(from, Number(digits) + 1);
    }
  }

  #onGap(oldest: string | null) {
    for (const each of this.#channels) {
      if (oldest === null || each.ids.includes(oldest)) this.#next.set(each, undefined);
    }
  }

  /** That it has got all, or was told that it has not. */
  checkComplete() {
    for (const each of this.#channels) {
      const next = this.#next.get(each);
      if (next !== undefined)
        expect(`next of ${each.name}: ${next}`).toBe(`next of ${each.name}: ${each.count + 1}`);
    }
  }
}

interface Connect {
  greeting: "before" | "between" | undefined;
  isReversed: boolean;
  maxBufferedBytes: number;
  onGap: "all" | "none";
}

const connect: fc.Arbitrary<Connect> = fc.record({
  greeting: fc.constantFrom(undefined, undefined, "before", "between"),
  isReversed: fc.boolean(),
  maxBufferedBytes: fc.constantFrom(600, 3000, 100_000),
  onGap: fc.constantFrom("all", "none"),
});

type Step = (client: CheckingClient, channels: Counting[]) => unknown;

/** A step that says what it is where a run has failed. */
const named = (name: string, run: Step): Step =>
  Object.assign(run, { [fc.toStringMethod]: () => name });

const connects = connect.map((how) =>
  named(`connect ${JSON.stringify(how)}`, (client) => client.connect(how)),
);
const sends = fc
  .tuple(fc.nat(1), fc.integer({ min: 1, max: 12 }), fc.constantFrom(1, 300), fc.boolean())
  .map(([at, times, size, isFiltered]) =>
    named(`send ${times} of ${size} on ${"AB"[at]}`, (_client, channels) =>
      channels[at]?.send(times, size, isFiltered),
    ),
  );
const reads = fc
  .integer({ min: 1, max: 8 })
  .map((times) => named(`read ${times}`, (client) => client.read(times)));
const pushes = fc
  .constantFrom("push" as const, "batch" as const)
  .map((how) => named(how, (client) => client.push(how)));
const cuts = fc
  .double({ min: 0, max: 1, noNaN: true })
  .map((part) => named(`cut at ${part}`, (client) => client.cut(part)));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: connects },
  { weight: 6, arbitrary: sends },
  { weight: 4, arbitrary: reads },
  { weight: 1, arbitrary: pushes },
  { weight: 3, arbitrary: cuts },
);

const last: Connect = {
  greeting: undefined,
  isReversed: false,
  maxBufferedBytes: 1e6,
  onGap: "all",
};

it("a client that is cut anywhere has every event of its channels once, in order, or was told of a gap", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      fc.boolean(),
      fc.array(step, { maxLength: 40 }),
      async (events, hasOwnIds, steps) => {
        const channels = [new Counting("A", events, false), new Counting("B", events, hasOwnIds)];
        const client = new CheckingClient(channels);
        for (const each of steps) await each(client, channels);
        await client.cut(1);
        await client.connect(last);
        await client.read(Number.POSITIVE_INFINITY);
        await client.cut(1);
        client.checkComplete();
      },
    ),
    { numRuns: 300 },
  );
});
