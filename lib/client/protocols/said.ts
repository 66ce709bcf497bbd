export type JsonObject = Record<string, unknown>;

/** The value to look into, whatever it is: what has no fields has none of those that are looked for. */
export function object(value: unknown): JsonObject {
  return Object(value) as JsonObject;
}

/** What one event says. The values are as they came: whoever reads one looks at its type. */
export interface Said {
  /** The answer begins here. */
  start?: unknown;
  /** The model need not have said anything yet. */
  quiet?: unknown;
  model?: unknown;
  /** More of the text; a refusal is text too. */
  text?: unknown;
  /** More of what the model thought. */
  reasoning?: unknown;
  refused?: unknown;
  /** The application has to run tools. */
  tools?: unknown;
  /** Token counts under the protocol's own names; those that are told again replace the first. */
  usage?: unknown;
  /** Why the answer ended, in the protocol's own word. */
  finish?: unknown;
  /** The object that holds the error with which the answer failed. */
  error?: unknown;
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
