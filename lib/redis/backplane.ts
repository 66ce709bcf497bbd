import { createHash, randomBytes } from "node:crypto";
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Backplane, BackplaneLog, LogReceiver, Presence } from "../backplane.js";
import { checkOptions, describe, requireOption, SseError } from "../errors.js";
import { wholeNumber } from "../options.js";
import { milliseconds } from "../streaming/generations/limits.js";
import { appendScript, idKinds } from "./backplane-scripts.js";
import { checkClient, checkPrefix, isWellFormed, type RedisClient } from "./client.js";
import { type Batch, Budget, type LogWriter, longestEnd } from "./log-writer.js";
import { Outbox } from "./outbox.js";
import { PresenceKeeper } from "./presence.js";
import { closed, ended, type LogKeys, type LogShare, RedisLog } from "./redis-log.js";
import { settledWithin } from "./settled.js";
import { endsOf, StreamReader } from "./stream-reader.js";

export interface RedisBackplaneOptions {
  /**
   * The application's client of `ioredis`, 5.4 or later, or 6: `new Redis(url)`. Events are written
   * over it, and one more connection is made like it, for reading. It stays the application's to close.
   */
  client: RedisClient;
  /**
   * What the names of all keys begin with. Servers that share channels have the same.
   *
   * Defaults to `"stream-llm"`.
   */
  prefix?: string | undefined;
  /**
   * How many of its latest events the stream of a channel keeps, about: Redis removes them in blocks.
   * `null` for no limit.
   *
   * Defaults to `10000`.
   */
  maxLength?: number | null | undefined;
  /**
   * How long events are kept, in ms, by the time of Redis, about. A channel to which nothing is broadcast
   * for so long leaves no events in Redis. `null` for ever.
   *
   * Defaults to `86400000`, a day.
   */
  retention?: number | null | undefined;
  /**
   * How many broadcasts may wait to be written, of all channels together, while Redis is away or slow.
   * More are refused with an error.
   *
   * Defaults to `50000`.
   */
  maxQueuedEvents?: number | undefined;
  /**
   * How many bytes these may take.
   *
   * Defaults to `16777216`, 16 MiB.
   */
  maxQueuedBytes?: number | undefined;
  /**
   * How long the sessions of a server that was killed are still counted by `channel.presence()`, in ms.
   *
   * Defaults to `15000`.
   */
  presenceTimeout?: number | undefined;
}

/**
 * How long Redis remembers what a producer wrote last, in ms: so long may Redis be away between a write and
 * its repetition.
 */
const producerLifetime = 86_400_000;
/** When it is tried again to find out where a log ends, in ms. */
const startDelay = 1000;
const longestName = 512;

/**
 * A backplane of channels on Redis Streams: what is broadcast on one server reaches the sessions of all.
 * One for each process and Redis, for all of its channels.
 *
 * @throws {SseError} `invalid-option`, `invalid-argument`
 */
export function redisBackplane(options: RedisBackplaneOptions): Backplane {
  return new RedisBackplane(checkOptions(options) ?? ({} as RedisBackplaneOptions));
}

class RedisBackplane implements Backplane, LogShare {
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #maxLength: number;
  readonly #retention: number;
  /** Tells what this process writes from what others do. */
  readonly #producer = randomBytes(9).toString("base64url");
  readonly #budget: Budget;
  readonly #logs = new Map<string, RedisLog>();
  readonly #reader: StreamReader;
  readonly #presence: PresenceKeeper;
  /** Those of which it is not known yet where they end. */
  readonly #starting = new Set<RedisLog>();
  readonly #outbox: Outbox;
  readonly #unflushed = new Set<LogWriter>();
  #flushing: NodeJS.Immediate | undefined;
  #retrying: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: RedisBackplaneOptions) {
    const { client, prefix = "stream-llm", maxLength = 10_000, retention = 86_400_000 } = options;
    const {
      maxQueuedEvents = 50_000,
      maxQueuedBytes = 1 << 24,
      presenceTimeout = 15_000,
    } = options;
    checkClient(client);
    requireOption(!client.isCluster, "client", client, "a Redis: all streams are read at once");
    checkPrefix(prefix);
    this.#client = client;
    this.#prefix = prefix;
    this.#maxLength = maxLength === null ? 0 : wholeNumber("maxLength", maxLength, 1);
    this.#retention = retention === null ? 0 : wholeNumber("retention", retention, 1);
    this.#budget = new Budget(
      wholeNumber("maxQueuedEvents", maxQueuedEvents, 1),
      wholeNumber("maxQueuedBytes", maxQueuedBytes, 1),
    );
    const timeout = Math.ceil(milliseconds("presenceTimeout", presenceTimeout, 100));
    this.#outbox = new Outbox(client);
    this.#presence = new PresenceKeeper(client, this.#producer, timeout);
    this.#reader = new StreamReader(client, this.#retention, (error) => this.#lost(error));
    client.on("ready", this.#onReady);
    client.on("close", this.#onClose);
    client.on("end", this.#onEnd);
  }

  follow(name: string, receiver: LogReceiver): BackplaneLog {
    if (this.#isClosed) throw closed();
    const isText = typeof name === "string" && name !== "" && name.length <= longestName;
    // What is read of another key is given to nobody.
    const isKey = isText && isWellFormed(name);
    requireOption(isKey, "name", name, `well-formed text of 1 to ${longestName} characters`);
    if (this.#logs.has(name)) {
      const text = `name is ${describe(name)}, as that of another channel of this backplane; it must be its own.`;
      throw new SseError("invalid-option", text);
    }
    const log = new RedisLog(this.#keysOf(name), receiver, this.#budget, this);
    this.#logs.set(name, log);
    this.#starting.add(log);
    this.#start();
    return log;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.all([...this.#logs.values()].map((log) => log.close()));
    this.#client.off("ready", this.#onReady);
    this.#client.off("close", this.#onClose);
    this.#client.off("end", this.#onEnd);
    this.#reader.stop();
    this.#presence.close();
    clearTimeout(this.#retrying);
    clearImmediate(this.#flushing);
  }

  get isConnected(): boolean {
    return this.#reader.isConnected && this.isReady;
  }

  get isReady(): boolean {
    return this.#client.status === "ready";
  }

  get isEnded(): boolean {
    return this.#client.status === "end";
  }

  ask(command: string, ...args: (string | number)[]): Promise<unknown> {
    return this.#client.call(command, ...args);
  }

  append({ keys }: RedisLog, { first, settled, texts }: Batch): Promise<unknown> {
    const limits = [producerLifetime, this.#maxLength, this.#retention];
    const names = [keys.stream, keys.number, keys.producer];
    const args = [first, settled, ...limits, keys.idKind, ...texts];
    return this.#outbox.run(appendScript, names, args);
  }

  schedule(writer: LogWriter): void {
    this.#unflushed.add(writer);
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined;
      const writers = [...this.#unflushed];
      this.#unflushed.clear();
      for (const each of writers) each.flush();
    });
  }

  presence(log: RedisLog): Promise<Presence> {
    return this.#presence.read(log);
  }

  countChanged(log: RedisLog): void {
    this.#presence.changed(log);
  }

  async leave(log: RedisLog): Promise<void> {
    for (const [name, each] of this.#logs) if (each === log) this.#logs.delete(name);
    this.#starting.delete(log);
    this.#reader.delete(log);
    // One that hangs holds nobody up.
    if (this.isReady) await settledWithin(this.#presence.leave(log), longestEnd);
  }

  #keysOf(name: string): LogKeys {
    const key = (kind: string) => `${this.#prefix}:${kind}:${name}`;
    const producer = key(`producer:${this.#producer}`);
    const idKind = createHash("sha1").update(name).digest().readUInt32BE() % idKinds;
    return {
      stream: key("log"),
      number: key("number"),
      presence: key("presence"),
      producer,
      idKind,
    };
  }

  /** Finds out where new logs end, before anything is written to them: what is, comes back. */
  #start(): void {
    if (this.#client.status === "wait") void this.#client.call("ping").catch(() => {});
    if (!this.isReady) return;
    for (const log of this.#starting) {
      this.#starting.delete(log);
      void this.#startOne(log);
    }
  }

  async #startOne(log: RedisLog): Promise<void> {
    try {
      const [end] = await endsOf(this.#client, [log], this.#retention);
      if (!end || end instanceof Error) throw end;
      const start = await log.startOf(end);
      if (log.isClosed) return;
      log.end(start);
      log.writer.open();
      this.#reader.add(log);
    } catch (error) {
      if (log.isClosed) return;
      this.#starting.add(log);
      log.cannotStart(error);
      this.#retrying ??= setTimeout(() => {
        this.#retrying = undefined;
        this.#start();
      }, startDelay).unref();
    }
  }

  readonly #onReady = (): void => {
    this.#start();
    for (const { writer } of this.#logs.values()) writer.resume();
    this.#reader.start();
  };

  readonly #onClose = (): void => this.#lost(undefined);

  readonly #onEnd = (): void => {
    this.#reader.stop();
    for (const log of this.#logs.values()) log.giveUp(ended());
  };

  #lost(cause: unknown): void {
    const why = cause instanceof Error ? ` (${cause.message})` : "";
    const message = `Redis cannot be reached${why}. It is tried again and again; broadcasts wait meanwhile.`;
    const error = new SseError("backplane-unavailable", message, { cause });
    for (const log of this.#logs.values()) log.away(error);
  }
}
