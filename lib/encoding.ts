import { describe, notSerializable, SseError } from "./errors.js";

/** Turns data into the text that is sent. */
export type SerializerFunction = (data: unknown) => string;

/** Changes the text of a field before it is written. */
export type SanitizerFunction = (text: string) => string;

/** How values become text. What keeps that text from forging fields comes later, in the engine. */
export interface EncodingOptions {
  /**
   * Turns data into the text that is sent.
   *
   * Defaults to `JSON.stringify`.
   */
  serializer?: SerializerFunction | undefined;
  /**
   * Changes the text of every field, after serialization and before it is written. It need not
   * care for line ends: whatever it returns stays within its field.
   *
   * Defaults to leaving the text as it is.
   */
  sanitizer?: SanitizerFunction | undefined;
}

export class Encoding {
  readonly serializer: SerializerFunction | undefined;
  readonly sanitizer: SanitizerFunction | undefined;

  constructor({ serializer, sanitizer }: EncodingOptions) {
    this.serializer = serializer;
    this.sanitizer = sanitizer;
  }

  /**
   * The text of an event's data.
   *
   * @throws {TypeError} with code `not-serializable` when it has none, or the one of `JSON.stringify`
   */
  data(data: unknown): string {
    const { serializer } = this;
    if (!serializer) return this.field(toJson(data));
    const text: unknown = serializer(data);
    if (typeof text === "string") return this.field(text);
    throw notSerializable(`the serializer returned ${describe(text)}; it must return a string.`);
  }

  /** The text of any other field. */
  field(text: string): string {
    const { sanitizer } = this;
    if (!sanitizer) return text;
    const sanitized: unknown = sanitizer(text);
    if (typeof sanitized === "string") return sanitized;
    throw notSerializable(
      `the sanitizer returned ${describe(sanitized)}; it must return a string.`,
    );
  }
}

/** The encoding of all that ask for no other, which can therefore share what it made. */
export const defaultEncoding = new Encoding({});

export function encodingOf(options: EncodingOptions): Encoding {
  const { serializer, sanitizer } = options;
  const isDefault = serializer === undefined || serializer === JSON.stringify;
  return isDefault && sanitizer === undefined ? defaultEncoding : new Encoding(options);
}

function toJson(data: unknown): string {
  const text: string | undefined = JSON.stringify(data);
  if (text === undefined) throw noJson(data);
  return text;
}

/**
 * Throws for values that JSON never has a form for, at no cost for any other.
 *
 * @throws {TypeError} with code `not-serializable`
 */
export function requireJson(data: unknown): void {
  if (data === undefined || typeof data === "function" || typeof data === "symbol")
    throw noJson(data);
}

function noJson(data: unknown): TypeError {
  return notSerializable(
    `${describe(data)} cannot be sent: JSON has no form for it. Push null, a string, number, boolean, array or object.`,
  );
}

/** @throws {SseError} `invalid-argument` */
export function checkEventName(name: unknown): asserts name is string {
  if (typeof name === "string") return;
  throw new SseError("invalid-argument", `an event name must be a string, not ${describe(name)}.`);
}

/** @throws {SseError} `invalid-argument` */
export function checkEventId(id: unknown): asserts id is string | undefined {
  if (typeof id === "string" || id === undefined) return;
  throw new SseError("invalid-argument", `an event id must be a string, not ${describe(id)}.`);
}

/** The `event` field: none for the name that clients assume. */
export function nameField(name: string): string | undefined {
  return name === "message" ? undefined : name;
}
