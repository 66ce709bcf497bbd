/** Looks into what a provider sent without trusting its shape. */

export type JsonObject = Record<string, unknown>;

const nothing: JsonObject = Object.freeze({});

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object, or an empty one. */
export function object(value: unknown): JsonObject {
  return isObject(value) ? value : nothing;
}

/** The array, or an empty one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The string, or "". */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** The string if it has any characters. */
export function filled(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The number if it can count something. */
export function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** As JSON, or "" for what has none: `undefined`, or nesting too deep for the stack. */
export function stringify(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}

/** `undefined` for what is not JSON. */
export function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Only the entries that have a value, for parts without keys that say nothing. */
export function defined<T extends object>(
  entries: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  for (const key of Object.keys(entries) as (keyof T)[]) {
    if (entries[key] === undefined) delete entries[key];
  }
  return entries as { [K in keyof T]: Exclude<T[K], undefined> };
}
