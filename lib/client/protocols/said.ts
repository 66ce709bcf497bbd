import type { FinishReason } from "../../streaming/parts.js";

export type JsonObject = Record<string, unknown>;

/** The value to look into, whatever it is: what has no fields has none of those that are looked for. */
export function object(value: unknown): JsonObject {
  return Object(value) as JsonObject;
}

/** What one event says. A field's value is as it came: whoever reads it looks at its type. */
export interface Said {
  /** Whether the answer begins here. */
  start?: boolean | undefined;
  /** Whether the model need not have said anything yet. */
  quiet?: boolean | undefined;
  model?: unknown;
  /** More of the text; a refusal is text too. */
  text?: unknown;
  /** More of what the model thought. */
  reasoning?: unknown;
  refused?: boolean | undefined;
  /** Whether the application has to run tools. */
  tools?: boolean | undefined;
  /** Token counts under the protocol's own names; those that are told again count. */
  usage?: unknown;
  /** `undefined` while it is not known. */
  finish?: FinishReason | undefined;
  /** The event itself, if it says that the answer failed. */
  error?: JsonObject | undefined;
  /** Whether it was stopped. */
  aborted?: boolean | undefined;
  /** Whether nothing more comes. */
  end?: boolean | undefined;
}

/** One event, or nothing where it says nothing that is read here. Keeps no state. */
export type ReadEvent = (data: JsonObject, event: string) => Said | undefined;
