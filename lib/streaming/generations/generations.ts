import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { autoId } from "../../auto-id.js";
import { Connection } from "../../connection/connection.js";
import { isFetchRequest } from "../../connection/open.js";
import { SseError } from "../../errors.js";
import type { Session } from "../../session.js";
import { createMeter } from "../accounting/index.js";
import { type AnyRequest, connected, openWatcher, type WatchOptions } from "./attach.js";
import type { Watcher } from "./fanout.js";
import { Follower, untilEnded } from "./follower.js";
import { type Hosted, Hosting } from "./hosting.js";
import { Places } from "./limits.js";
import { MemoryStore } from "./memory-store.js";
import {
  checkId,
  checkStart,
  type GenerationsOptions,
  type Settings,
  type StartOptions,
  settingsOf,
  unwatchedMs,
} from "./options.js";
import { fromStore } from "./recorder.js";
import { type GenerationSource, Run } from "./run.js";
import { started } from "./started.js";
import { type GenerationState, storedState } from "./state.js";
import type { GenerationLease } from "./store.js";

/** A generation that was started. */
export interface Generation {
  readonly id: string;
  /** Resolves at the end, however it ends, with all that is known. Never rejects. */
  readonly finished: Promise<GenerationState>;
}

/**
 * Runs of a model, apart from the connections that watch them: a page that is reloaded or closed
 * stops nothing, and any number of them, then or later, gets the whole answer.
 *
 * The provider is read as fast as it yields, whoever watches. What goes wrong with it is an end of
 * the generation like any other: watchers are told in their protocol, and what there is of the
 * answer stays readable.
 */
export class Generations {
  readonly #settings: Settings;
  readonly #ownStore: MemoryStore | undefined;
  readonly #hosting: Hosting;
  readonly #places: Places;
  #closing: Promise<void> | undefined;

  /** @throws {SseError} `invalid-option` */
  constructor(options: GenerationsOptions = {}) {
    this.#settings = settingsOf(options);
    const { store, limits } = this.#settings;
    const isOwn = options.store === undefined && store instanceof MemoryStore;
    this.#ownStore = isOwn ? store : undefined;
    this.#hosting = new Hosting(this.#settings);
    this.#places = new Places(limits.concurrent);
  }

  /** How many generations are run or watched in this process. Those that have ended are the store's. */
  get size(): number {
    return this.#hosting.size;
  }

  /**
   * Starts a generation. It can be watched, stopped and asked for from this call on.
   *
   * @param id Not empty, at most 512 characters. That of one that has ended may be used again,
   * which is dropped then; so the id of a chat will do, which has one answer at a time.
   * @param source Asks the provider, and returns what `readParts` reads. It is called when the store
   * has registered the id, and not at all when that fails or the generation is stopped before.
   * Whatever it throws is an error of the provider.
   * @returns a promise that resolves when the id is registered. It rejects with `SseError`:
   * `generation-exists` while one of this id is running, `too-many-generations`, `store-error`,
   * `closed`, `invalid-argument`, `invalid-option`; the provider was not asked then.
   */
  async start(
    id: string,
    source: GenerationSource,
    options: StartOptions = {},
  ): Promise<Generation> {
    checkId(id);
    checkStart(source, options);
    if (this.#closing) throw new SseError("closed", "the generations were closed.");
    const current = this.#hosting.get(id);
    // Of one that runs elsewhere the store knows more than its follower.
    if (current instanceof Run && !current.fanout.ended) throw exists(id);
    const run = this.#newRun(id, source, options);
    const { key = "" } = options;
    this.#places.take(key);
    this.#hosting.add(run);
    run.claimed = this.#begin(run, key);
    await run.claimed;
    return started(run, this.#settings.onFinish !== undefined);
  }

  /**
   * Lets a client watch a generation: from the event after its `Last-Event-ID`, or from the start in
   * few events when it names none; then what comes, until the end, at which the response ends.
   * Where its id is unknown, or is that of an event that is not kept any more, a `gap` event
   * (protocol `"events"`) or a comment says so, and the answer comes from its start. A client that
   * has got all already is answered with 204.
   *
   * @returns a promise of the session, once it has connected, or of the Fetch `Response` to answer
   * with; of nothing when there is no such generation, and then nothing was sent. It rejects with
   * what `createSession` throws, and `SseError` `store-error`.
   */
  attach(
    id: string,
    req: IncomingMessage,
    res: ServerResponse,
    options?: WatchOptions,
  ): Promise<Session | undefined>;
  attach(
    id: string,
    req: Http2ServerRequest,
    res: Http2ServerResponse,
    options?: WatchOptions,
  ): Promise<Session | undefined>;
  attach(id: string, request: Request, options?: WatchOptions): Promise<Response | undefined>;
  attach(id: string, connection: Connection, options?: WatchOptions): Promise<Session | undefined>;
  async attach(
    id: string,
    req: AnyRequest,
    ...rest: unknown[]
  ): Promise<Session | Response | undefined> {
    checkId(id);
    const hosted = this.#closing ? undefined : await this.#hosting.open(id);
    if (!hosted) return undefined;
    const isFetch = isFetchRequest(req);
    const isAlone = isFetch || req instanceof Connection;
    const [res, options] = isAlone ? [undefined, rest[0]] : rest;
    const watcher = openWatcher(hosted.fanout, req, res, options as WatchOptions | undefined);
    const { session } = watcher;
    const watching = connected(session).then(() => this.#watch(hosted, watcher));
    if (isFetch) {
      // The session ends with what is wrong with it.
      watching.catch(() => session.close());
      return session.getResponse();
    }
    await watching;
    return session;
  }

  /**
   * Stops a generation, wherever it runs: the request to the provider is aborted, and the watchers
   * are told of the end.
   *
   * @returns a promise of whether this call did it: false when there is none, when it has ended, and
   * when it is being stopped already. It resolves, with either, when the id can be used again; of a
   * generation in another process after `storeTimeout` at the latest. It rejects with `SseError`
   * `store-error`.
   */
  async stop(id: string): Promise<boolean> {
    checkId(id);
    const here = this.#hosting.get(id);
    if (here instanceof Run && !here.isDone) {
      const isFirst = here.stop();
      if (await here.isClaimed()) {
        await here.over;
        return isFirst;
      }
    }
    const { store, storeTimeout } = this.#settings;
    const stored = await fromStore(() => store.find(id), storeTimeout);
    if (!stored || stored.report) return false;
    const isFirst = await fromStore(() => store.stop(stored.info), storeTimeout);
    await untilEnded(store, stored.info, storeTimeout);
    return isFirst;
  }

  /**
   * What there is of a generation, whether it runs or has ended.
   *
   * @returns a promise of nothing when there is none. It rejects with `SseError` `store-error`.
   */
  async get(id: string): Promise<GenerationState | undefined> {
    checkId(id);
    const here = this.#hosting.get(id);
    if (here instanceof Run && (!here.isDone || here.keptHere)) return here.state;
    const { store, storeTimeout } = this.#settings;
    const stored = await fromStore(() => store.find(id), storeTimeout);
    const parts = stored && (await fromStore(() => store.read(stored.info, 0), storeTimeout));
    return parts && storedState(stored, parts);
  }

  /**
   * Stops all generations that this process runs, and ends all sessions that watch here. Resolves when
   * that is done, which a client that takes nothing delays for its `writeTimeout` at most. A store
   * that was given stays open.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #newRun(id: string, source: GenerationSource, options: StartOptions): Run {
    const { ttl, limits, storeTimeout, store, prices, onUsage, onFinish } = this.#settings;
    const { protocol = this.#settings.protocol, messageId, model, prompt } = options;
    const { stopWhenUnwatched: unwatched } = options;
    const info = { id, run: autoId(), protocol, messageId, startedAt: Date.now(), ttl };
    const fanout = this.#hosting.newFanout(info, false, () => run);
    const meter = createMeter({
      model,
      prompt,
      prices,
      onUsage: onUsage && ((usage) => onUsage(usage, run.state)),
      onFinish: onFinish && (() => onFinish(run.state)),
    });
    const stopWhenUnwatched =
      unwatched === undefined ? this.#settings.stopWhenUnwatched : unwatchedMs(unwatched);
    const { batchMs, batchBytes } = store;
    const run: Run = new Run(fanout, source, meter, {
      limits,
      storeTimeout,
      batchMs,
      batchBytes,
      stopWhenUnwatched,
    });
    return run;
  }

  /** Registers a run with the store, and lets it go. */
  async #begin(run: Run, key: string): Promise<void> {
    const { info } = run.fanout;
    const { store, storeTimeout } = this.#settings;
    const creating = new Promise<GenerationLease | undefined>((resolve) =>
      resolve(store.create(info, run)),
    );
    try {
      const lease = await fromStore(() => creating, storeTimeout);
      if (!lease) throw exists(info.id);
      void run.over.then(() => this.#places.leave(key));
      void run.produce(lease).then(() => this.#hosting.tidy(run));
    } catch (error) {
      this.#places.leave(key);
      this.#hosting.drop(run);
      // A lease that comes late is nobody's.
      const abandoned = { type: "abort", reason: "never started" } as const;
      creating.then((late) => late?.append([abandoned])).catch(() => {});
      throw error;
    }
  }

  async #watch(hosted: Hosted, watcher: Watcher): Promise<void> {
    const { info } = hosted.fanout;
    // Over Fetch, a client may begin to read long after it was answered.
    const isStale = hosted instanceof Follower && hosted.released && !hosted.fanout.ended;
    const current = isStale ? await this.#hosting.open(info.id) : hosted;
    const isOpen = !this.#closing && current?.fanout.info.run === info.run;
    if (isOpen) current.fanout.watch(watcher);
    else await watcher.session.close();
  }

  async #close(): Promise<void> {
    const ending = this.#hosting.all.map(async (hosted) => {
      if (hosted instanceof Run) {
        hosted.stop("closed");
        if (await hosted.isClaimed()) await hosted.finished;
      }
      await hosted.fanout.release();
      this.#hosting.drop(hosted);
    });
    await Promise.all(ending);
    this.#ownStore?.clear();
  }
}

function exists(id: string): SseError {
  return new SseError(
    "generation-exists",
    `a generation with the id ${JSON.stringify(id.slice(0, 60))} is running. Attach to it, or stop it first.`,
  );
}

/**
 * Creates what runs generations. See `Generations`.
 *
 * @throws {SseError} `invalid-option`
 */
export function createGenerations(options?: GenerationsOptions): Generations {
  return new Generations(options);
}
