import { type Encoding, type EncodingOptions, encodingOf } from "./encoding.js";
import { requireOption } from "./errors.js";
import { SlowConsumer } from "./native.js";

export { requireOption };

/**
 * The type of `session.state` when none is given. It is open to declaration merging:
 *
 *     declare module "stream-llm" {
 *       interface DefaultSessionState { userId: string }
 *     }
 */
export interface DefaultSessionState {
  [key: string]: unknown;
}

type Policy = "disconnect" | "drop-oldest" | "drop-newest";

/** Options of the built-in connections. */
export interface BuiltInConnectionOptions {
  /**
   * Status code of the response, 200 to 599. A client stops reconnecting at 204.
   *
   * Ignored with a custom `Connection`. Defaults to that of the given response, which is `200`
   * unless changed. A 404 of a Node response counts as unchanged: Koa begins with it.
   */
  statusCode?: number | undefined;
  /**
   * Headers to add to the response, as a plain object or `Headers`. They take the place of those
   * that were set on the response before, and of the defaults; `undefined` removes one.
   *
   * Ignored with a custom `Connection`. Defaults to none.
   */
  headers?: Record<string, string | string[] | undefined> | Headers | undefined;
}

export interface SessionOptions<State = DefaultSessionState>
  extends EncodingOptions,
    BuiltInConnectionOptions {
  /**
   * How long the client is to wait before it connects again, in ms: a whole number, or `null` to
   * leave it to the client.
   *
   * Defaults to `2000`.
   *
   * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-reconnection-time
   */
  retry?: number | null | undefined;
  /**
   * After how many ms of silence a comment is sent, so that no proxy takes the connection for
   * dead; `null` for never.
   *
   * Defaults to `10000`.
   */
  keepAlive?: number | null | undefined;
  /**
   * Whether `lastId` begins with what the client says it got last, which can be anything, or
   * empty.
   *
   * Defaults to `true`.
   */
  trustClientEventId?: boolean | undefined;
  /**
   * What the application wants to know about the session.
   *
   * Defaults to an empty object.
   */
  state?: State | undefined;
  /**
   * How many bytes may wait for the client, at least 1. Each event counts 64 more than it has, for
   * the memory that it takes. One event that is larger passes when nothing else waits.
   *
   * Defaults to `1048576`, 1 MiB.
   */
  maxBufferedBytes?: number | undefined;
  /**
   * What happens when an event does not fit: the client is disconnected (it can resume by its last
   * id), or the oldest or newest events are dropped, which the `dropped` event tells.
   *
   * Defaults to `"disconnect"`.
   */
  slowConsumer?: Policy | undefined;
  /**
   * After how many ms in which the client took nothing of what waits for it, it is disconnected;
   * `null` for never.
   *
   * Defaults to `30000`.
   */
  writeTimeout?: number | null | undefined;
  /**
   * Whether events without an id get one, of 15 characters, unique and increasing.
   *
   * Defaults to `"auto"`.
   */
  eventId?: "auto" | null | undefined;
  /**
   * How bytes reach the client: by the engine's own thread where that is possible, or always
   * through the response as a stream. What is sent is the same.
   *
   * Defaults to `"auto"`.
   */
  transport?: "auto" | "stream" | undefined;
}

/** The options of one session, checked, as the engine takes them. */
export interface Settings {
  readonly retry: number | null;
  readonly keepAlive: number;
  readonly writeTimeout: number;
  readonly maxBufferedBytes: number;
  readonly slowConsumer: 0 | 1 | 2;
  readonly trustClientEventId: boolean;
  readonly autoId: boolean;
  readonly transport: "auto" | "stream";
  readonly encoding: Encoding;
}

// The longest that a timer of Node waits.
const maxMs = 2 ** 31 - 1;
const policies: Readonly<Record<Policy, 0 | 1 | 2>> = {
  disconnect: SlowConsumer.Disconnect,
  "drop-oldest": SlowConsumer.DropOldest,
  "drop-newest": SlowConsumer.DropNewest,
};
const policyNames = Object.keys(policies) as Policy[];

/** @throws {SseError} `invalid-option` */
export function wholeNumber(name: string, value: number, least: number): number {
  const valid = Number.isSafeInteger(value) && value >= least;
  requireOption(valid, name, value, `a whole number, ${least} or more`);
  return value;
}

/** Whole ms, 0 for never. @throws {SseError} `invalid-option` */
export function milliseconds(name: string, value: number | null): number {
  if (value === null) return 0;
  const valid = typeof value === "number" && value > 0 && value <= maxMs;
  requireOption(valid, name, value, `a number of ms, more than 0 and at most ${maxMs}, or null`);
  return Math.ceil(value);
}

function oneOf<T>(name: string, value: T, values: readonly T[]): T {
  requireOption(
    values.includes(value),
    name,
    value,
    values.map((each) => JSON.stringify(each)).join(" or "),
  );
  return value;
}

function functionOrNone(name: string, value: unknown): void {
  requireOption(value === undefined || typeof value === "function", name, value, "a function");
}

/** @throws {SseError} `invalid-option` */
export function checkEncoding({ serializer, sanitizer }: EncodingOptions): void {
  functionOrNone("serializer", serializer);
  functionOrNone("sanitizer", sanitizer);
}

/** @throws {SseError} `invalid-option` */
export function checkAutoId(eventId: "auto" | null = "auto"): boolean {
  return oneOf("eventId", eventId, ["auto", null]) === "auto";
}

function check(options: SessionOptions<unknown>): Settings {
  const {
    retry = 2000,
    keepAlive = 10_000,
    writeTimeout = 30_000,
    trustClientEventId = true,
  } = options;
  const { maxBufferedBytes = 1 << 20, slowConsumer = "disconnect", transport = "auto" } = options;
  checkEncoding(options);
  return {
    retry: retry === null ? null : wholeNumber("retry", retry, 0),
    keepAlive: milliseconds("keepAlive", keepAlive),
    writeTimeout: milliseconds("writeTimeout", writeTimeout),
    maxBufferedBytes: wholeNumber("maxBufferedBytes", maxBufferedBytes, 1),
    slowConsumer: policies[oneOf("slowConsumer", slowConsumer, policyNames)],
    trustClientEventId: oneOf("trustClientEventId", trustClientEventId, [true, false]),
    autoId: checkAutoId(options.eventId),
    transport: oneOf("transport", transport, ["auto", "stream"]),
    encoding: encodingOf(options),
  };
}

const defaults = check({});

/**
 * The settings that `options` stand for.
 *
 * @throws {SseError} `invalid-option`, naming the option, the value given and those expected
 */
export function settingsOf(options: SessionOptions<unknown> | undefined): Settings {
  return options === undefined ? defaults : check(options);
}
