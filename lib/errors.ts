/**
 * What went wrong, for code to act on.
 *
 * - `not-connected`: the session has not connected yet, or has disconnected.
 * - `invalid-argument`: a request, response, session, event field, filter or batch of the wrong kind;
 *   options that are no object.
 * - `invalid-option`: an option's value is not one that it takes.
 * - `invalid-header`: a header's name or value is not allowed in HTTP.
 * - `headers-sent`: the response was begun before the session was created.
 * - `not-serializable`: the data has no text form (the `code` of a `TypeError`).
 * - `slow-consumer`, `write-timeout`: the client read too slowly, or not at all.
 * - `overloaded`: a limit of the process was reached.
 * - `generation-exists`: a generation with this id is running.
 * - `too-many-generations`: as many generations of this key are running as may.
 * - `store-error`: the store of the generations failed; `cause` says how.
 * - `closed`: the generations, or the backplane of the channel, were closed.
 * - `connection-error`: a client could not connect, or the connection broke; `cause` says how.
 * - `http-error`: the server refused a client's request; `status` says with what.
 * - `not-a-stream`: the server answered a client with something else than an event stream.
 * - `idle-timeout`: nothing came from the server for as long as a client waits.
 * - `too-large`: the server sent an event, or an answer, that is larger than a client takes.
 * - `busy`: an answer is under way, so that no other can be asked for.
 * - `answer-failed`: the server says that the answer failed; `cause` holds its `message` and `code`.
 * - `incomplete-stream`: an answer's stream ended before the answer did.
 * - `incomplete`: an answer broke off, and the server cannot resume it.
 * - `invalid-data`: the server sent an event that is not JSON.
 * - `aborted`: the component that asked was unmounted before anything was sent (React's hooks).
 * - `backplane-unavailable`: the log that a channel's servers share cannot be reached, or refuses what was
 *   broadcast.
 * - `unsupported-platform`, `native-not-found`, `native-load-failed`: no engine on this machine.
 */
export type SseErrorCode =
  | "not-connected"
  | "invalid-argument"
  | "invalid-option"
  | "invalid-header"
  | "headers-sent"
  | "not-serializable"
  | "slow-consumer"
  | "write-timeout"
  | "overloaded"
  | "generation-exists"
  | "too-many-generations"
  | "store-error"
  | "closed"
  | "connection-error"
  | "http-error"
  | "not-a-stream"
  | "idle-timeout"
  | "too-large"
  | "busy"
  | "answer-failed"
  | "incomplete-stream"
  | "incomplete"
  | "invalid-data"
  | "aborted"
  | "backplane-unavailable"
  | "unsupported-platform"
  | "native-not-found"
  | "native-load-failed";

/** The error of this package. Its message says what was wrong, what was expected and what to do. */
export class SseError extends Error {
  readonly code: SseErrorCode;
  /** The status of the response that a client could not use. */
  declare readonly status?: number;

  constructor(code: SseErrorCode, message: string, options?: { cause?: unknown; status?: number }) {
    super(`stream-llm: ${message}`, options);
    this.code = code;
    if (options?.status) this.status = options.status;
  }

  static {
    SseError.prototype.name = "SseError";
  }
}

/** A value in an error message: short, and whatever it is, without throwing. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  }
  if (typeof value === "function") return "a function";
  if (Object(value) !== value) return String(value);
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name ? `an object (${name})` : "an object";
}

/** @param shown the value, in words where it may be anything */
export function invalidOption(name: string, shown: unknown, expected: string): SseError {
  return new SseError("invalid-option", `${name} is ${shown}; it must be ${expected}.`);
}

/** @throws {SseError} `invalid-option` */
export function requireOption(
  valid: boolean,
  name: string,
  value: unknown,
  expected: string,
): void {
  if (!valid) throw invalidOption(name, describe(value), expected);
}

/**
 * The options given, if any. Names that are not known are ignored, as programs written for better-sse
 * may have others.
 *
 * @throws {SseError} `invalid-argument` for what is no object
 */
export function checkOptions<T>(options: T | null | undefined): T | undefined {
  if (options === undefined || options === null) return undefined;
  if (typeof options === "object" && !Array.isArray(options)) return options;
  throw new SseError(
    "invalid-argument",
    `options are ${describe(options)}; they must be an object.`,
  );
}

/** A `TypeError`, as `JSON.stringify` throws for what it cannot serialize. */
export function notSerializable(message: string): TypeError {
  return Object.assign(new TypeError(`stream-llm: ${message}`), {
    code: "not-serializable" as const,
  });
}

/** What to throw for `error`, which the engine threw when it was given something to send. */
export function sendError(error: unknown): unknown {
  if ((error as { code?: unknown } | null)?.code !== "overloaded") return error;
  return new SseError(
    "overloaded",
    "the engine is hundreds of MiB behind with what was sent before; nothing was sent. Push less, or wait for drained().",
    { cause: error },
  );
}

/**
 * Reports an error that has no caller to throw to, such as one thrown by a listener, without
 * ending the process.
 */
export function warn(what: string, error: unknown): void {
  const known = error instanceof Error;
  const code = known && "code" in error ? String(error.code) : "listener-error";
  process.emitWarning(`stream-llm: ${what}: ${known ? error.message : describe(error)}`, {
    type: "SseError",
    code,
    detail: known ? (error.stack ?? "") : "",
  });
}
