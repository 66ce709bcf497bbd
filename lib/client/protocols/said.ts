import type { FinishReason } from "../../streaming/parts.js";
export type JsonObject = Record<string, unknown>;

/** The value to look into, whatever it is: what has no fields has none of those that are looked for. */
export function object(value: unknown): JsonObject {
  return Object(value) as JsonObject;
}

/** The fields that are neither `undefined` nor `null`, frozen. */
export function known(fields: JsonObject): object {
  const entries = Object.entries(fields).filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return Object.freeze(Object.fromEntries(entries));
}

/** An error that the server told within the answer. */
export interface ToldError {
  message: string;
  /** The protocol's own word, or `""`. */
  code: string;
  /** When to ask again, in ms; 0 where the server does not say. */
  retryAfter: number;
}

/** The error in an event of any protocol, flat or nested; some say so that somebody stopped the answer. */
export function failed(told: JsonObject): Said {
  const error = typeof told.error === "object" ? object(told.error) : told;
  const { message = told.errorText ?? told.error, type, code = type, retryAfter } = error;
  if (/^aborted$/i.test(String(code))) return { aborted: true };
  return {
    error: {
      message: String(message),
      code: String(code ?? ""),
      retryAfter: Number(retryAfter) || 0,
    },
  };
}

/** What one event says. The values are as they came: whoever reads one looks at its type. */
export interface Said {
  /** The answer begins here, and says nothing yet. */
  start?: unknown;
  /** The model need not have said anything yet. */
  quiet?: unknown;
  model?: unknown;
  /** More of the text; a refusal is text too. */
  text?: unknown;
  /** More of what the model thought. */
  reasoning?: unknown;
  /** Why the answer ended, where its end says `stop`, as some servers do after tool calls and refusals. */
  instead?: FinishReason | undefined;
  /** Token counts under the protocol's own names; those that are told again replace the first. */
  usage?: unknown;
  /** Why the answer ended, in the protocol's own word. */
  finish?: unknown;
  /** The error with which the answer failed. */
  error?: ToldError;
  /** Somebody stopped the answer. */
  aborted?: unknown;
  /** The answer has ended, whatever came before. */
  end?: unknown;
  /** The stream has ended; the answer as well, if it has said so before, or cannot say so. */
  done?: unknown;
  /** The protocol has no word for the answer's end. */
  endless?: unknown;
}

/** What events say by their name, or their `type` where they have no name. */
export type Saying = Record<string, (data: JsonObject) => Said>;
