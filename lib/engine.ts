import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { warn } from "./errors.js";
import { kNotice, type NoticeReceiver } from "./internal.js";
import { native } from "./native.js";
import type { Settings } from "./options.js";

/**
 * The bridge between the native engine and the sessions of this environment: who gets which
 * notice, and when to ask for them. Nothing here keeps the process alive, save the one
 * `setImmediate` in which notices that are there already are handed out.
 */
const receivers = new Map<number, NoticeReceiver>();

let scheduled = false;
let timer: NodeJS.Timeout | undefined;
/** When `timer` fires, in ms of `performance.now()`. */
let timerAt = 0;

/** From now on `receiver` gets the notices of `session`. */
export function receive(session: number, receiver: NoticeReceiver): void {
  receivers.set(session, receiver);
  // Its timers may be due before those that `timer` waits for.
  schedule();
}

/** No notice of `session` is handed out any more. */
export function forget(session: number): void {
  receivers.delete(session);
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
export function engineCounts(): { fallbacks: number } {
  return { fallbacks };
}

/** Collects notices after the code that runs now, with all that it causes until then. */
export function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(collectScheduled);
}

function collectScheduled(): void {
  scheduled = false;
  collect();
}

function collect(): void {
  // Before the timers run: what was not handed out yet did not wait for the client.
  const notices = native.collect() ?? [];
  for (let at = 0; at < notices.length; at += 3) {
    const receiver = receivers.get(notices[at] as number);
    try {
      receiver?.[kNotice](notices[at + 1] as number, notices[at + 2] as number);
    } catch (error) {
      warn("a session failed", error);
    }
  }
  armTimer(native.advance());
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
  collect();
}

native.onNotices(collect);
