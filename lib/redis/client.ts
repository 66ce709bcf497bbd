import type { Socket } from "node:net";
import { requireOption } from "../errors.js";

// biome-ignore lint/suspicious/noExplicitAny: as Node's EventEmitter has it.
type Listener = (...args: any[]) => void;

/** What is used of a client of `ioredis` 5.4 or later: a `Redis` or a `Cluster`. */
export interface RedisClient {
  readonly status: string;
  readonly isCluster: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: the client's own types say more, each version otherwise.
  readonly options: any;
  /** @param command in lower case: before 5.9, ioredis puts its `keyPrefix` before no keys of another */
  call(command: string, ...args: (string | Buffer | number)[]): Promise<unknown>;
  duplicate(...options: never[]): unknown;
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
  disconnect(): void;
}

const methods = ["call", "duplicate", "on", "off", "disconnect"] as const;

/** @throws {SseError} `invalid-option` */
export function checkClient(client: unknown): asserts client is RedisClient {
  const has = methods.every((name) => typeof Object(client)[name] === "function");
  requireOption(has, "client", client, "a client of ioredis 5.4 or later: a Redis or a Cluster");
}

/** Whether it comes back from Redis as it was: half a surrogate pair has no bytes in UTF-8. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** @throws {SseError} `invalid-option` */
export function checkPrefix(prefix: unknown): asserts prefix is string {
  // A Cluster takes what stands in the first braces of a key for what decides its slot.
  const valid =
    typeof prefix === "string" && /^[^{}]{1,128}$/s.test(prefix) && isWellFormed(prefix);
  const expected = "well-formed text of 1 to 128 characters, without braces";
  requireOption(valid, "prefix", prefix, expected);
}

/** What the client puts before each key, which replies show. */
export function keyPrefixOf(client: RedisClient): string {
  return client.options?.keyPrefix ?? "";
}

function ignore(): void {}

/** A connected client's socket, or nothing of a Cluster. */
function letGo(client: unknown): void {
  (client as { stream?: Socket }).stream?.unref?.();
}

/**
 * A connection of our own for commands that block, made like the client's. It is opened by the first
 * command and closed by `disconnect()`, keeps no process alive while it is open, and comes back by
 * the client's own `retryStrategy`. A command whose connection breaks rejects at once: whoever reads
 * knows best where to go on.
 */
export function blockingConnection(client: RedisClient): RedisClient {
  const options = {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: false,
    enableOfflineQueue: true,
    commandTimeout: undefined,
    blockingTimeout: undefined,
    socketTimeout: undefined,
    monitor: false,
  };
  const duplicate = client.duplicate as (...args: unknown[]) => RedisClient;
  const own = client.isCluster
    ? duplicate.call(client, [], { lazyConnect: true, redisOptions: options })
    : duplicate.call(client, options);
  // What goes wrong is told by the commands that reject.
  own.on("error", ignore);
  own.on("connect", () => letGo(own));
  own.on("+node", (node: RedisClient) => {
    letGo(node);
    node.on("connect", () => letGo(node));
  });
  return own;
}
