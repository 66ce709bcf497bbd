import { clearInterval, setInterval } from "node:timers";
import type { Report } from "../streaming/accounting/index.js";
import type {
  GenerationInfo,
  GenerationLease,
  GenerationProducer,
} from "../streaming/generations/store.js";
import { isTerminal, type Part } from "../streaming/parts.js";
import type { RedisClient } from "./client.js";
import {
  abandonRun,
  appendParts,
  endRun,
  type Keys,
  renewLease,
} from "./generation-store-scripts.js";
import type { Script } from "./script.js";

export interface LeaseOptions {
  client: RedisClient;
  keys: Keys;
  leaseMs: number;
  /** Called once, when nothing more is to be appended. */
  onOver: () => void;
}

/** The right to append to a run, kept up by a timer until the run is over here. */
export class RedisLease implements GenerationLease {
  readonly #info: GenerationInfo;
  readonly #producer: GenerationProducer;
  readonly #options: LeaseOptions;
  readonly #timer: NodeJS.Timeout;
  #count = 0;
  #isOver = false;
  #isRenewing = false;

  constructor(info: GenerationInfo, producer: GenerationProducer, options: LeaseOptions) {
    this.#info = info;
    this.#producer = producer;
    this.#options = options;
    this.#timer = setInterval(() => void this.#renew(), options.leaseMs / 3).unref();
  }

  async append(parts: readonly Part[]): Promise<void> {
    if (this.#isOver) throw new Error("the lease of the generation is over");
    const last = parts.at(-1);
    if (!last) return;
    const isEnd = isTerminal(last);
    // Whatever a renewal that is under way has to say is about a run that has ended.
    if (isEnd) this.#over();
    const first = this.#count;
    const json = JSON.stringify(parts);
    const answer = await this.#run(appendParts, first, parts.length, isEnd ? 1 : 0, json);
    if (Number(answer) === 0) {
      this.#lose();
      throw new Error("the lease of the generation was lost");
    }
    this.#count += parts.length;
    this.#heed(answer);
  }

  async end(report: Report): Promise<void> {
    this.#over();
    await this.#run(endRun, JSON.stringify(report));
  }

  abandon(): void {
    this.#over();
    // Where that fails, the lease runs out.
    this.#run(abandonRun).catch(() => {});
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) return;
    this.#isRenewing = true;
    // One that fails is followed by another, which tells.
    const answer = await this.#run(renewLease).catch(() => 1);
    this.#isRenewing = false;
    if (this.#isOver) return;
    if (Number(answer) === 0) this.#lose();
    else this.#heed(answer);
  }

  #run(script: Script, ...args: (string | number)[]): Promise<unknown> {
    const { client, keys } = this.#options;
    return script.run(client, [keys.id, keys.runs, keys.control], [this.#info.run, ...args]);
  }

  #heed(answer: unknown): void {
    if (Number(answer) === 2 && !this.#isOver) this.#producer.stop();
  }

  #lose(): void {
    this.#over();
    this.#producer.lost();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#options.onOver();
  }
}
