import type { RedisClient } from "./client.js";
import { type Argument, isUnknown, type Script } from "./script.js";

type Reply = [error: Error | null, result: unknown];

interface Pipeline {
  call(command: string, ...args: Argument[]): unknown;
  exec(): Promise<Reply[] | null>;
}

interface Call {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Runs scripts in their order; those of one turn reach Redis in one write. */
export class Outbox {
  readonly #client: RedisClient;
  #calls: Call[] = [];

  constructor(client: RedisClient) {
    this.#client = client;
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#calls.length === 0) queueMicrotask(() => void this.#send());
      this.#calls.push({ script, keys, args, resolve, reject });
    });
  }

  async #send(): Promise<void> {
    const calls = this.#calls;
    this.#calls = [];
    if (calls.length === 1) return settle(this.#client, calls[0] as Call);
    const pipeline = (this.#client as unknown as { pipeline(): Pipeline }).pipeline();
    for (const { script, keys, args } of calls) pipeline.call(...script.command(keys, args));
    let replies: Reply[];
    try {
      replies = (await pipeline.exec()) ?? [];
    } catch (error) {
      for (const { reject } of calls) reject(error);
      return;
    }
    for (const [at, call] of calls.entries()) {
      const [error, result] = replies[at] ?? [new Error("no answer came"), undefined];
      // In their order still.
      if (error && isUnknown(error)) void settle(this.#client, call);
      else if (error) call.reject(error);
      else call.resolve(result);
    }
  }
}

async function settle(client: RedisClient, call: Call): Promise<void> {
  await call.script.run(client, call.keys, call.args).then(call.resolve, call.reject);
}
