import { createHash } from "node:crypto";
import type { RedisClient } from "./client.js";

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
    args: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await client.call("evalsha", this.#hash, ...rest);
    } catch (error) {
      if (!String(error).includes("NOSCRIPT")) throw error;
      return client.call("eval", this.#source, ...rest);
    }
  }
}
