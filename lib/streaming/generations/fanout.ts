import { createChannel } from "../../create-channel.js";
import { warn } from "../../errors.js";
import type { Session } from "../../session.js";
import { Answer } from "../answer.js";
import { broadcastEvent } from "../delivery.js";
import type { Part } from "../parts.js";
import {
  createProtocolWriter,
  type ProtocolWriter,
  type WireEvent,
  type WriterOptions,
} from "../protocols/index.js";
import { EventLog, type LogReader } from "./event-log.js";
import { Latecomers } from "./latecomers.js";
import { type GapReason, largestBehindOthers, mostBytes, Replay, tellGap } from "./replay.js";
import { type GenerationInfo, producerLost } from "./store.js";

/** Ends the ids of events that tell that the producer was lost. */
const lostMark = "lost";

export interface FanoutOptions {
  logBytes: number;
  errorText: WriterOptions["errorText"];
  /** Whether the parts come from a store, behind what clients of another process have got. */
  isBehind: boolean;
  /** Called when a watcher has come or gone, with how many there are. */
  onWatchers: (count: number) => void;
}

/** A session, what its client knows, and how much may wait for it. */
export interface Watcher {
  session: Session;
  /** What the client says it got last. Untrusted. */
  lastId: string;
  maxBufferedBytes: number;
}

/**
 * One run in this process: its parts become events once, which go to all that watch.
 *
 * A watcher is in one of two states: it is replayed to, from the log, at its client's pace; or it
 * has got all that there is, and is in the channel. Between the two nothing is missed or doubled,
 * as it changes over in the same turn in which it got the log's last event.
 */
export class Fanout {
  readonly info: GenerationInfo;
  readonly answer = new Answer({ maxChars: Number.POSITIVE_INFINITY });
  readonly #options: FanoutOptions;
  readonly #writer: ProtocolWriter;
  readonly #log: EventLog;
  readonly #channel = createChannel({ serializer: String, eventId: null });
  readonly #watchers = new Map<Session, Watcher>();
  readonly #latecomers = new Latecomers();
  /**
   * The number of the first event that tells that the producer was lost. It may have given that
   * number to another event, which nobody but its own clients has got.
   */
  #lostFrom = Number.POSITIVE_INFINITY;
  /** The smallest `maxBufferedBytes` of those that have watched. */
  #leastBuffer = Number.POSITIVE_INFINITY;
  /** Live sessions that have not taken all that there was when this was looked at last. */
  readonly #behind = new Set<Session>();
  /** Bytes that the channel can have sent since then. */
  #unseen = 0;

  constructor(info: GenerationInfo, options: FanoutOptions) {
    this.info = info;
    this.#options = options;
    this.#writer = this.#newWriter();
    this.#log = new EventLog(options.logBytes);
  }

  /** Whether the watchers have been told of the end. */
  get ended(): boolean {
    return this.#writer.ended;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  /**
   * Takes the next part of the run.
   *
   * @throws {TypeError} for a part that has no JSON, which is left out; others may follow
   */
  add(part: Part): void {
    const events = this.#writer.write(part);
    this.answer.add(part);
    if (part.type === "error" && part.code === producerLost.code) this.#lostFrom = this.#log.end;
    for (const event of events) this.#broadcast(event);
    this.#latecomers.reached(this.ended ? Number.POSITIVE_INFINITY : this.#log.end);
    // Those that are replayed to end when they have got it all.
    if (this.ended) void this.#channel.close({ retry: null });
  }

  /** Whether the client has got all that there will ever be. */
  isComplete(lastId: string): boolean {
    return this.ended && this.#numberOf(lastId) === this.#log.end - 1;
  }

  /** Sends a connected session what its client lacks, then what comes; ends it when the run does. */
  watch(watcher: Watcher): void {
    const { session, lastId, maxBufferedBytes } = watcher;
    if (!session.isConnected) return;
    this.#watchers.set(session, watcher);
    this.#leastBuffer = Math.min(this.#leastBuffer, maxBufferedBytes);
    let leave = (): void => {};
    session.once("disconnected", () => {
      leave();
      this.#watchers.delete(session);
      this.#options.onWatchers(this.watchers);
    });
    this.#options.onWatchers(this.watchers);
    const ahead = this.#options.isBehind && !this.ended ? this.#givenNumber(lastId) : undefined;
    if (ahead === undefined || ahead < this.#log.end) this.#begin(watcher);
    else leave = this.#latecomers.add(ahead, () => this.#begin(watcher));
  }

  #begin(watcher: Watcher): void {
    const { session, lastId } = watcher;
    const last = this.#numberOf(lastId);
    const gap = this.#gap(lastId, last);
    if (gap) tellGap(session, this.info.protocol, gap);
    if (last !== undefined && !gap) void this.#catchUp(watcher, this.#log.read(last + 1));
    else void this.#catchUp(watcher, this.#log.read(this.#log.end), this.#compacted());
  }

  /** Ends all sessions, though the run may go on. */
  async release(): Promise<void> {
    await Promise.all([...this.#watchers.keys()].map((session) => session.close()));
  }

  #newWriter(): ProtocolWriter {
    const { protocol, messageId: id } = this.info;
    return createProtocolWriter(protocol, { id, errorText: this.#options.errorText });
  }

  #broadcast(event: WireEvent): void {
    const number = this.#log.push(event);
    if (this.#channel.sessionCount === 0) return;
    try {
      const bytes = mostBytes(event);
      if (bytes > largestBehindOthers(this.#leastBuffer)) {
        this.#replayFrom(number, this.#channel.activeSessions);
        return;
      }
      this.#unseen += bytes;
      if (this.#unseen > this.#leastBuffer / 4) this.#look(number);
      broadcastEvent(this.#channel, event, this.#idOf(number));
    } catch (error) {
      // The engine is far behind, and nobody has got it; or else a session's listener threw.
      const isOverloaded = (error as { code?: unknown } | null)?.code === "overloaded";
      if (isOverloaded) this.#replayFrom(number, this.#channel.activeSessions);
      else warn("a listener of a session threw", error);
    }
  }

  /**
   * Sees to it that no session has more to take than what was sent between three looks, which is less
   * than may wait: a provider can be faster than every client.
   */
  #look(number: number): void {
    this.#unseen = 0;
    const behind = [...this.#behind];
    this.#replayFrom(number, behind);
    for (const session of this.#channel.activeSessions) {
      const forget = () => this.#behind.delete(session);
      this.#behind.add(session);
      session.drained().then(forget, forget);
    }
  }

  /** An event that does not go to all at once goes to each when its client has room. */
  #replayFrom(number: number, sessions: readonly Session[]): void {
    for (const session of sessions) {
      this.#channel.deregister(session);
      this.#behind.delete(session);
      const watcher = this.#watchers.get(session);
      if (watcher) void this.#catchUp(watcher, this.#log.read(number), [], session.drained());
    }
  }

  /** Sends `before`, and what `reader` has to read; then the session is live, or ends. */
  async #catchUp(
    { session, maxBufferedBytes }: Watcher,
    reader: LogReader,
    before: WireEvent[] = [],
    ready?: Promise<void>,
  ): Promise<void> {
    try {
      if (ready) await ready;
      const replay = new Replay(session, maxBufferedBytes);
      for (const [at, event] of before.entries()) {
        const room = replay.room(event);
        if (room) await room;
        const isLast = at === before.length - 1;
        replay.send(event, isLast ? this.#idOf(reader.number - 1) : undefined);
      }
      for (;;) {
        const { event } = reader;
        const room = replay.room(event);
        if (room) await room;
        else if (event) replay.send(event, this.#idOf(reader.number++));
        else break;
      }
      // In the same turn as the last look at the log.
      if (!this.ended && session.isConnected) this.#channel.register(session);
      else await session.close();
    } catch {
      // The client has gone, or the engine takes no more: it may come back for the rest.
      await session.close();
    } finally {
      reader.close();
    }
  }

  /** The answer so far as the fewest events, after which the live ones may come. */
  #compacted(): WireEvent[] {
    const writer = this.#newWriter();
    return this.answer.parts().flatMap((part) => writer.write(part));
  }

  #gap(lastId: string, last: number | undefined): GapReason | undefined {
    if (lastId === "") return undefined;
    if (last === undefined) return "unknown-id";
    return last + 1 < this.#log.first ? "evicted" : undefined;
  }

  #idOf(number: number): string {
    return `${this.info.run}.${number}${number < this.#lostFrom ? "" : `.${lostMark}`}`;
  }

  /** The number of the event that has the id, if it is one of this run's. */
  #numberOf(id: string): number | undefined {
    const number = this.#givenNumber(id);
    return number !== undefined && id === this.#idOf(number) && number < this.#log.end
      ? number
      : undefined;
  }

  /** The number that an id of this run gives, whether there is such an event or not. */
  #givenNumber(id: string): number | undefined {
    const [run, digits = "", mark = lostMark, ...rest] = id.split(".");
    const isId = run === this.info.run && mark === lostMark && rest.length === 0;
    return isId && /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
  }
}
