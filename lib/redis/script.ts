import { createHash } from "node:crypto";
import type { RedisClient } from "./client.js";

export type Argument = string | number | Buffer;

/**
 * A Lua script that Redis runs as one step. It is sent by its hash, and whole where Redis does not
 * know that: after a restart, a failover or `SCRIPT FLUSH`.
 *
 * A client sends a command again whose connection broke before the answer, so each script must bear
 * being run twice with the same arguments.
 */
export class Script {
  readonly #source: string;
  readonly #hash: string;

  constructor(source: string) {
    this.#source = source;
    this.#hash = createHash("sha1").update(source).digest("hex");
  }

  /** @param keys all in one slot of a Cluster */
  async run(
    client: RedisClient,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    try {
      return await client.call(...this.command(keys, args));
    } catch (error) {
      if (!isUnknown(error)) throw error;
      return client.call("eval", this.#source, keys.length, ...keys, ...args);
    }
  }

  /** What runs it where Redis knows it. */
  command(
    keys: readonly string[],
    args: readonly Argument[],
  ): [command: string, ...args: Argument[]] {
    return ["evalsha", this.#hash, keys.length, ...keys, ...args];
  }
}

/** Whether Redis does not know the script, and has to be sent it whole. */
export function isUnknown(error: unknown): boolean {
  return String(error).includes("NOSCRIPT");
}
