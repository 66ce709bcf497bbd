import { clearTimeout, setTimeout } from "node:timers";
import { endScript } from "./backplane-scripts.js";
import { blockingConnection, keyPrefixOf, type RedisClient } from "./client.js";
import { type Read, ReadPlan } from "./read-plan.js";

/** How long one read waits for entries, in ms, and how often it is looked whether logs began anew. */
const blockMs = 5000;
/** A connection that answers nothing for so long is given up, in ms: its other end has gone. */
const mostSilence = 15_000;
const firstDelay = 50;
const longestDelay = 2000;
/** Logs whose ends are asked for by one script. */
const mostPerCheck = 100;

/** As Redis sends it: the id, then names and values by turns. */
export type RawEntry = [id: string, fields: string[] | null];

/** Where a log ends. */
export interface LogEnd {
  readonly id: string;
  readonly number: number;
  readonly length: number;
  /** When it did, in ms of Redis' clock. */
  readonly time: number;
}

/** A stream that is read. */
export interface ReadStream {
  readonly keys: { readonly stream: string; readonly number: string };
  /** The id after which to read on. */
  readonly cursor: string;
  /** Takes entries. The next are read when it has resolved. */
  take(entries: readonly RawEntry[]): Promise<void>;
  /** The log ends there; an error where the key is of another type. */
  end(end: LogEnd | Error): void;
}

/** Reads all streams of a process over one connection, which never keeps it alive. */
export class StreamReader {
  readonly #client: RedisClient;
  readonly #retention: number;
  readonly #onLost: (error: unknown) => void;
  readonly #streams = new Map<string, ReadStream>();
  /** Those whose key is of another type: one of them would fail the reads of all. */
  readonly #unreadable = new Set<ReadStream>();
  readonly #plan = new ReadPlan();
  #isRunning = false;
  #isStopped = false;
  #isConnected = false;
  #connection: RedisClient | undefined;
  #connectionId: unknown;
  #checkedAt = 0;
  /** Which read waits for entries now, from 1; 0 is none. */
  #waiting = 0;
  #reads = 0;
  #isWaking = false;
  #delay = 0;
  #stopPause: (() => void) | undefined;

  /** @param onLost called when the connection is lost or cannot be made, once until it is there again */
  constructor(client: RedisClient, retention: number, onLost: (error: unknown) => void) {
    this.#client = client;
    this.#retention = retention;
    this.#onLost = onLost;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  add(stream: ReadStream): void {
    this.#streams.set(stream.keys.stream, stream);
    if (!this.#isRunning) void this.#run();
    else if (this.#waiting > 0) void this.#wake();
    else this.#stopPause?.();
  }

  delete(stream: ReadStream): void {
    this.#streams.delete(stream.keys.stream);
    this.#unreadable.delete(stream);
  }

  /** Redis can be reached, perhaps again: looks at once. */
  start(): void {
    this.#isStopped = false;
    if (!this.#isConnected) this.#stopPause?.();
    if (!this.#isRunning) void this.#run();
  }

  /** Closes the connection, until `start()`. */
  stop(): void {
    this.#isStopped = true;
    this.#stopPause?.();
    this.#connection?.disconnect();
    this.#connection = undefined;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isNeeded) {
      try {
        const connection = await this.#connect();
        while (this.#isNeeded) await this.#read(connection);
      } catch (error) {
        if (this.#isNeeded) await this.#lost(error);
      }
      this.#isConnected = false;
    }
    this.#isRunning = false;
    this.#connection?.disconnect();
    this.#connection = undefined;
  }

  get #isNeeded(): boolean {
    return !this.#isStopped && this.#streams.size > 0;
  }

  async #connect(): Promise<RedisClient> {
    // Where the client's `retryStrategy` has given up.
    if (this.#connection?.status === "end") this.#connection = undefined;
    this.#connection ??= blockingConnection(this.#client);
    const connection = this.#connection;
    this.#connectionId = await this.#inTime(connection.call("client", "ID"));
    await this.#check(connection);
    this.#isConnected = true;
    this.#delay = 0;
    return connection;
  }

  async #lost(error: unknown): Promise<void> {
    const isNew = this.#isConnected || this.#delay === 0;
    this.#isConnected = false;
    this.#waiting = 0;
    if (isNew) this.#onLost(error);
    this.#delay = Math.min(longestDelay, Math.max(firstDelay, 2 * this.#delay));
    await this.#pause(this.#delay * (0.5 + Math.random() / 2));
  }

  async #read(connection: RedisClient): Promise<void> {
    if (performance.now() - this.#checkedAt >= blockMs) await this.#check(connection);
    const all = [...this.#streams.values()].filter((each) => !this.#unreadable.has(each));
    if (all.length === 0) {
      await this.#pause(blockMs);
      return;
    }
    const read = this.#plan.next(new Set(all));
    const asked = new Map(read.streams.map((stream) => [stream.keys.stream, stream]));
    const reply = await this.#ask(connection, read).catch(async (error) => {
      if (!(error instanceof Error && error.message.startsWith("WRONGTYPE"))) throw error;
      await this.#check(connection);
    });
    const prefix = keyPrefixOf(this.#client).length;
    for (const [key, entries] of streamsOf(reply)) {
      const stream = asked.get(key.slice(prefix));
      // One of the same name that came meanwhile has asked for nothing yet.
      if (!stream || this.#streams.get(stream.keys.stream) !== stream) continue;
      this.#plan.note(stream, entries, read);
      await stream.take(entries);
    }
  }

  async #ask(connection: RedisClient, { streams, count, waits }: Read): Promise<unknown> {
    const keys = streams.map((stream) => stream.keys.stream);
    const ids = streams.map(({ cursor }) => cursor);
    const options = waits ? ["COUNT", count, "BLOCK", blockMs] : ["COUNT", count];
    if (waits) this.#waiting = ++this.#reads;
    const reading = connection.call("xread", ...options, "STREAMS", ...keys, ...ids);
    try {
      return await this.#inTime(reading);
    } finally {
      this.#waiting = 0;
    }
  }

  /** Looks where all logs end. */
  async #check(connection: RedisClient): Promise<void> {
    this.#checkedAt = performance.now();
    const streams = [...this.#streams.values()];
    for (let at = 0; at < streams.length; at += mostPerCheck) {
      const some = streams.slice(at, at + mostPerCheck);
      const ends = await this.#inTime(endsOf(connection, some, this.#retention));
      for (const [index, end] of ends.entries()) {
        const stream = some[index] as ReadStream;
        // It may have left meanwhile.
        if (this.#streams.get(stream.keys.stream) !== stream) continue;
        if (end instanceof Error) this.#unreadable.add(stream);
        else this.#unreadable.delete(stream);
        stream.end(end);
      }
    }
  }

  /** Has the read that waits return, so that the next one is of all streams. */
  async #wake(): Promise<void> {
    if (this.#isWaking) return;
    this.#isWaking = true;
    const waiting = this.#waiting;
    // It may not have come to Redis yet, over another connection than this.
    for (let attempt = 0; attempt < 200 && this.#waiting === waiting; attempt++) {
      try {
        const woken = await this.#client.call("client", "UNBLOCK", String(this.#connectionId));
        if (Number(woken) === 1) break;
      } catch {
        // Not allowed, or Redis is away: the read returns by itself.
        break;
      }
      await new Promise<void>((resolve) => setTimeout(resolve, 5).unref());
    }
    this.#isWaking = false;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stop = (): void => {
        clearTimeout(timer);
        this.#stopPause = undefined;
        resolve();
      };
      const timer = setTimeout(stop, ms);
      timer.unref();
      this.#stopPause = stop;
    });
  }

  /** Rejects, and gives the connection up, when Redis does not answer. */
  async #inTime<T>(answer: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        // It is made again by the next command.
        (this.#connection as { disconnect(reconnect: boolean): void }).disconnect(true);
        reject(new Error(`no answer within ${mostSilence} ms`));
      }, mostSilence);
      timer.unref();
    });
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What `XREAD` returned: pairs in RESP2; a map in RESP3, which ioredis gives in one of three forms. */
function streamsOf(reply: unknown): Iterable<[key: string, entries: RawEntry[]]> {
  if (reply === null || reply === undefined) return [];
  if (reply instanceof Map) return reply;
  if (!Array.isArray(reply)) return Object.entries(reply) as [string, RawEntry[]][];
  if (typeof reply[0] !== "string") return reply;
  return reply.flatMap((key, at) => (at % 2 === 0 ? [[key, reply[at + 1]]] : []));
}

/** Where logs end; an error for one whose key is of another type. */
export async function endsOf(
  client: RedisClient,
  streams: readonly Pick<ReadStream, "keys">[],
  retention: number,
): Promise<(LogEnd | Error)[]> {
  const keys = streams.flatMap((stream) => [stream.keys.stream, stream.keys.number]);
  const reply = (await endScript.run(client, keys, [retention])) as string[][];
  // A client of the option `stringNumbers` has no numbers.
  return reply.map(([id = "", ...numbers]) => {
    const [number = 0, length = 0, time = 0] = numbers.map(Number);
    return /^\d/.test(id) ? { id, number, length, time } : new Error(id);
  });
}
