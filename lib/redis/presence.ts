import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";
import type { Presence } from "../backplane.js";
import { presenceScript } from "./backplane-scripts.js";
import type { RedisClient } from "./client.js";

/** How long changes are gathered before they are written, in ms: clients come and go in crowds. */
const gathering = 250;

/** A channel whose sessions are counted. */
export interface Counted {
  readonly keys: { readonly presence: string };
  readonly receiver: { sessionCount(): number };
  /** Whether it is counted no longer. */
  readonly isClosed: boolean;
}

/**
 * Tells Redis how many sessions this process has of each channel, again and again: the number of a
 * process that was killed holds for `timeout` ms.
 */
export class PresenceKeeper {
  readonly #client: RedisClient;
  readonly #process: string;
  readonly #timeout: number;
  /** Those whose number Redis has not been told. */
  readonly #changed = new Set<Counted>();
  /** Those that Redis has a number of. */
  readonly #told = new Set<Counted>();
  /** Those that Redis is being told about: a slow one gets no more until it answers. */
  readonly #telling = new Set<Counted>();
  #gathering: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;

  constructor(client: RedisClient, process: string, timeout: number) {
    this.#client = client;
    this.#process = process;
    this.#timeout = timeout;
  }

  changed(channel: Counted): void {
    // Its sessions may live on, and end later.
    if (channel.isClosed) return;
    this.#changed.add(channel);
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined;
      this.#tell(this.#changed);
    }, gathering).unref();
    const tellAll = (): void => this.#tell(new Set([...this.#told, ...this.#changed]));
    this.#beat ??= setInterval(tellAll, this.#timeout / 3).unref();
  }

  /** Tells Redis the number of this process, and returns that of all. */
  async read(channel: Counted): Promise<Presence> {
    return this.#write(channel, channel.receiver.sessionCount());
  }

  /** The channel is not counted any more. */
  async leave(channel: Counted): Promise<void> {
    this.#changed.delete(channel);
    // Where it fails, the number runs out.
    if (this.#told.delete(channel)) await this.#write(channel, 0).catch(() => {});
  }

  close(): void {
    clearTimeout(this.#gathering);
    clearInterval(this.#beat);
    this.#changed.clear();
    this.#told.clear();
  }

  #tell(channels: Iterable<Counted>): void {
    if (this.#client.status !== "ready") return;
    for (const channel of channels) {
      if (this.#telling.has(channel)) this.#changed.add(channel);
      else void this.#tellOne(channel);
    }
  }

  async #tellOne(channel: Counted): Promise<void> {
    this.#telling.add(channel);
    try {
      await this.read(channel);
    } catch {
      // The next beat tells it.
      if (!channel.isClosed) this.#changed.add(channel);
      return;
    } finally {
      this.#telling.delete(channel);
    }
    if (this.#changed.has(channel)) this.changed(channel);
  }

  async #write(channel: Counted, count: number): Promise<Presence> {
    if (count > 0) this.#told.add(channel);
    this.#changed.delete(channel);
    const args = [this.#process, count, this.#timeout];
    const reply = await presenceScript.run(this.#client, [channel.keys.presence], args);
    const [sessions = 0, processes = 0] = (reply as unknown[]).map(Number);
    if (count === 0) this.#told.delete(channel);
    return { sessions, processes };
  }
}
