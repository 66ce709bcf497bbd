import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { warn } from "./errors.js";
import { kNotice, type NoticeReceiver } from "./internal.js";
import { type EnclosedText, NoticeKind, native } from "./native.js";
import type { Settings } from "./options.js";
import type { EngineStats } from "./stats.js";

/**
 * The bridge between the native engine and the sessions of this environment: who gets which
 * notice, and when to ask for them. Nothing here keeps the process alive, save the one
 * `setImmediate` in which notices that are there already are handed out.
 */
const receivers = new Map<number, NoticeReceiver>();
/** How many there are, by transport. */
const sessions = { stream: 0, socket: 0 };

let scheduled = false;
let timer: NodeJS.Timeout | undefined;
/** When `timer` fires, in ms of `performance.now()`. */
let timerAt = 0;

/** From now on `receiver` gets the notices of `session`. */
export function receive(session: number, receiver: NoticeReceiver): void {
  receivers.set(session, receiver);
  sessions[receiver.transport] += 1;
  // Its timers may be due before those that `timer` waits for.
  schedule();
}

/** No notice of `session` is handed out any more. */
export function forget(session: number): void {
  const receiver = receivers.get(session);
  if (receiver) sessions[receiver.transport] -= 1;
  receivers.delete(session);
}

/** What an event counts for the limit beside its bytes; see src/hub/outbox.h. */
const frameOverhead = 64;
/** What may wait for a session whose bytes are taken here: the least of all such limits. */
let leastLimit = Number.POSITIVE_INFINITY;
/** Smaller limits than this, in bytes, do not count there: Node writes many small pieces badly. */
const smallestPiece = 16 * 1024;
/** The most that the engine can have been given for any of them since they took what waits. */
let given = 0;
/** Notices that have been collected while the application was sending, which is no time to tell it. */
let held: number[] = [];

/** Opens a session whose bytes are taken when its connection can have them. */
export function openPulled(settings: Settings): number {
  const { keepAlive, writeTimeout, maxBufferedBytes, slowConsumer } = settings;
  leastLimit = Math.min(leastLimit, Math.max(maxBufferedBytes, smallestPiece));
  return native.openSession(keepAlive, writeTimeout, maxBufferedBytes, slowConsumer);
}

/**
 * To be called before the engine is given an event of `size` bytes at most, for whatever sessions. Slow is a client whose
 * connection takes no more, not one whose application sends a lot at once: before what waits could reach a
 * limit, connections get what they can have.
 */
export function makeRoom(size: number): void {
  const counted = size + frameOverhead;
  given += counted;
  if (given <= leastLimit) return;
  given = counted;
  const notices = native.collect() ?? [];
  for (let at = 0; at < notices.length; at += 3) {
    if (notices[at + 1] === NoticeKind.Ready) handOut(notices, at);
    else held.push(...notices.slice(at, at + 3));
  }
  if (held.length > 0) schedule();
}

/** Makes room for an event of these fields. */
export function makeRoomFor(data: string, name = "", id = ""): void {
  // A line break becomes a line with its field's name: six bytes, the most that becomes of a character.
  makeRoom(6 * (data.length + name.length + id.length) + 64);
}

/** Makes room for text in an envelope. */
export function makeRoomForText(...[, text, , id = ""]: EnclosedText): void {
  // An envelope is a few hundred bytes, with names and ids in it; of an escaped character six come.
  makeRoom(6 * (text.length + id.length) + 4096);
}

let attachedBefore = false;
let fallbacks = 0;

/**
 * Opens a session that the engine writes to the socket with the given descriptor itself. Undefined when the
 * system has no descriptor left for it.
 */
export function attachSocket(
  descriptor: number,
  isChunked: boolean,
  { keepAlive, writeTimeout, maxBufferedBytes, slowConsumer }: Settings,
): number | undefined {
  if (!attachedBefore) {
    attachedBefore = true;
    // What was pushed right before `process.exit()` leaves the process still.
    process.once("exit", () => native.stop());
  }
  const session = native.attachSocket(
    descriptor,
    isChunked,
    keepAlive,
    writeTimeout,
    maxBufferedBytes,
    slowConsumer,
  );
  if (session > 0) return session;
  fallbacks += 1;
  return undefined;
}

/** Those who get notices: all sessions that are connected, in the order in which they were. */
export function openReceivers(): NoticeReceiver[] {
  return [...receivers.values()];
}

/** What is counted on this side of the engine. */
export function engineCounts(): Pick<EngineStats, "sessions" | "fallbacks"> {
  return { sessions: { ...sessions }, fallbacks };
}

/**
 * Collects notices after the code that runs now, with all that it causes until then. Timers run after
 * that: a client is not slow because the event loop was busy and has not heard yet of what has left.
 */
export function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(collect);
}

function collect(): void {
  scheduled = false;
  given = 0;
  const earlier = held;
  held = [];
  for (let at = 0; at < earlier.length; at += 3) handOut(earlier, at);
  // Before the timers run: what was not handed out yet did not wait for the client.
  const notices = native.collect() ?? [];
  for (let at = 0; at < notices.length; at += 3) handOut(notices, at);
  armTimer(native.advance());
}

/** Hands out one of `notices`, which begins at `at`. */
function handOut(notices: ArrayLike<number>, at: number): void {
  const receiver = receivers.get(notices[at] as number);
  try {
    receiver?.[kNotice](notices[at + 1] as number, notices[at + 2] as number);
  } catch (error) {
    warn("a session failed", error);
  }
}

/** Has the engine's timers run in `ms`, or not at all when that is -1. */
function armTimer(ms: number): void {
  const at = performance.now() + ms;
  // One that fires too early costs a look at the engine's timers; moving it each time costs more.
  if (timer !== undefined && ms >= 0 && timerAt <= at) return;
  clearTimeout(timer);
  timer = undefined;
  if (ms < 0) return;
  timerAt = at;
  timer = setTimeout(onTimer, ms);
  timer.unref();
}

function onTimer(): void {
  timer = undefined;
  schedule();
}

native.onNotices(schedule);
