import { Fanout } from "./fanout.js";
import { Follower } from "./follower.js";
import { Deadline } from "./limits.js";
import type { Settings } from "./options.js";
import { fromStore } from "./recorder.js";
import { Run } from "./run.js";
import type { GenerationInfo } from "./store.js";

/** A generation in this process: one that it runs, or one that it reads from the store. */
export type Hosted = Run | Follower;

/** For how long a generation is followed for nobody, in ms: for pages that reload. */
const lingering = 10_000;

/**
 * The generations in this process, by id: those that are run here, or have watchers here. What has
 * ended and is watched by nobody is the store's alone.
 */
export class Hosting {
  readonly #settings: Settings;
  /** The latest of each id. */
  readonly #hosted = new Map<string, Hosted>();
  /** Those as well that have watchers still, and whose id has another run now. */
  readonly #all = new Set<Hosted>();
  readonly #timers = new Map<Hosted, Deadline>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#all.size;
  }

  get all(): Hosted[] {
    return [...this.#all];
  }

  get(id: string): Hosted | undefined {
    return this.#hosted.get(id);
  }

  /** @param isBehind whether the parts come from the store */
  newFanout(info: GenerationInfo, isBehind: boolean, hosted: () => Hosted): Fanout {
    const { errorText, limits } = this.#settings;
    const onWatchers = () => this.tidy(hosted());
    return new Fanout(info, { logBytes: limits.logBytes, errorText, isBehind, onWatchers });
  }

  add(hosted: Hosted): void {
    this.#hosted.set(hosted.fanout.info.id, hosted);
    this.#all.add(hosted);
  }

  /**
   * The generation that the id stands for now, ready to be watched.
   *
   * @throws {SseError} `store-error`
   */
  async open(id: string): Promise<Hosted | undefined> {
    const here = this.#hosted.get(id);
    const claimed = here instanceof Run && (await here.isClaimed());
    if (claimed && (!here.isDone || here.keptHere)) return here;
    const { store, storeTimeout } = this.#settings;
    const stored = await fromStore(() => store.find(id), storeTimeout);
    if (!stored) return undefined;
    const hosted = this.#followed(stored.info);
    if (hosted instanceof Run) return hosted;
    try {
      if (await hosted.filled) return hosted;
    } catch (error) {
      this.drop(hosted);
      throw error;
    }
    this.drop(hosted);
    return undefined;
  }

  /** To be called when its watchers change, or its run is over: keeps it for as long as it is needed. */
  tidy(hosted: Hosted): void {
    const { watchers } = hosted.fanout;
    // Over Fetch, a client may begin to read when everybody else is done.
    if (watchers > 0) this.#all.add(hosted);
    if (hosted instanceof Run) {
      hosted.watched(watchers);
      if (!hosted.isDone) return;
    }
    if (hosted instanceof Run && hosted.keptHere) {
      if (!this.#timers.has(hosted)) this.#dropAfter(this.#settings.ttl, hosted);
      return;
    }
    this.#timers.get(hosted)?.clear();
    this.#timers.delete(hosted);
    if (watchers > 0) return;
    if (hosted instanceof Run) this.drop(hosted);
    else this.#dropAfter(lingering, hosted);
  }

  drop(hosted: Hosted): void {
    const { id } = hosted.fanout.info;
    this.#timers.get(hosted)?.clear();
    this.#timers.delete(hosted);
    if (hosted instanceof Follower) hosted.release();
    if (hosted.fanout.watchers === 0) this.#all.delete(hosted);
    if (this.#hosted.get(id) === hosted) this.#hosted.delete(id);
  }

  /** What is here of the run already, or else a new follower of it. */
  #followed(info: GenerationInfo): Hosted {
    const here = this.#hosted.get(info.id);
    if (here?.fanout.info.run === info.run) return here;
    const { store, storeTimeout } = this.#settings;
    const fanout = this.newFanout(info, true, () => follower);
    const follower: Follower = new Follower(fanout, store, storeTimeout, () => this.drop(follower));
    this.add(follower);
    this.tidy(follower);
    return follower;
  }

  #dropAfter(ms: number, hosted: Hosted): void {
    this.#timers.set(hosted, new Deadline(ms, () => this.drop(hosted)));
  }
}
