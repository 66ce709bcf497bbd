import type { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import type {
  Backplane,
  BackplaneLog,
  LogPosition,
  LogReceiver,
  NumberedEntry,
} from "../../lib/backplane.ts";
import type { SseError } from "../../lib/errors.ts";
import { type RedisBackplaneOptions, redisBackplane } from "../../lib/redis/backplane.ts";
import { eventually } from "../e2e/harness.ts";
import { type RedisServer, redisClient } from "./redis-server.ts";

/** Takes what a log gives, as a channel does. */
export class Receiver implements LogReceiver {
  readonly positions: LogPosition[] = [];
  readonly entries: NumberedEntry[] = [];
  readonly errors: SseError[] = [];
  /** Numbers that did not follow on the one before. */
  readonly holes: number[] = [];
  sessions = 0;
  #number = 0;

  onPosition(position: LogPosition) {
    this.positions.push(position);
    this.#number = position.number;
  }

  onEntry(entry: NumberedEntry) {
    if (entry.number !== this.#number + 1) this.holes.push(this.entries.length);
    this.#number = entry.number;
    this.entries.push(entry);
  }

  onError(error: SseError) {
    this.errors.push(error);
  }

  sessionCount() {
    return this.sessions;
  }

  get data(): string[] {
    return this.entries.map(({ data }) => data);
  }

  async started() {
    await eventually(() => this.positions.length > 0, "known position");
    return this;
  }

  async has(count: number) {
    await eventually(() => this.entries.length >= count, `${count} entries`, 20_000);
  }
}

export interface Process {
  client: Redis;
  backplane: Backplane;
}

/** What a process of an application has, closed with the test. */
export function openProcess(
  server: RedisServer,
  options: Partial<RedisBackplaneOptions> = {},
  client = redisClient(server, { retryStrategy: () => 20 }),
): Process {
  const backplane = redisBackplane({ client, ...options });
  onTestFinished(() => backplane.close());
  return { client, backplane };
}

export interface Followed {
  log: BackplaneLog;
  receiver: Receiver;
}

export function follow({ backplane }: Process, name = "news"): Followed {
  const receiver = new Receiver();
  return { log: backplane.follow(name, receiver), receiver };
}

export const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => String(from + at));
