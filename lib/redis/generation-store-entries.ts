import type { Part } from "../streaming/parts.js";

/** An entry of a stream, as Redis tells it. */
export type Entry = readonly [id: string, fields: readonly string[]];

/** How far a run was read. */
export interface Place {
  /** Of the part to read next. */
  number: number;
  /** Of the entry that was read last. */
  entry: string;
  /** When the run's lease is to be looked at again, by `performance.now()`. */
  checkAt: number;
  /** Since when that does not succeed. */
  silentSince?: number | undefined;
}

export const beginning = (): Place => ({ number: 0, entry: "0-0", checkAt: 0 });

/** Parts between others are gone, as of a stream that somebody trimmed. */
export class MissingParts extends Error {
  constructor(from: number, to?: number) {
    super(
      `the parts of the generation from ${from} ${to === undefined ? "on" : `to ${to}`} are missing`,
    );
  }
}

function isPart(value: unknown): value is Part {
  return typeof Object(value).type === "string";
}

/** The number of the first part, and the parts; nothing where the entry is none of ours. */
function decode(fields: readonly string[]): [number, Part[]] | undefined {
  const [n, number = "", name, json = ""] = fields;
  if (n !== "n" || name !== "parts" || !/^\d{1,15}$/.test(number)) return undefined;
  try {
    const parts: unknown = JSON.parse(json);
    if (!Array.isArray(parts) || parts.length === 0 || !parts.every(isPart)) return undefined;
    return [Number(number), parts];
  } catch {
    return undefined;
  }
}

/**
 * The parts of the entries behind a place, which moves on behind them.
 *
 * @param onForeign called for each entry that is left out, as none of ours
 * @throws {MissingParts}
 */
export function partsOf(entries: readonly Entry[], place: Place, onForeign: () => void): Part[] {
  const read: Part[] = [];
  for (const [id, fields] of entries) {
    place.entry = id;
    const [first, parts] = decode(fields ?? []) ?? [0, []];
    const isNew = first + parts.length > place.number;
    if (!isNew) {
      onForeign();
      continue;
    }
    if (first > place.number) {
      throw new MissingParts(place.number, first - 1);
    }
    read.push(...parts.slice(place.number - first));
    place.number = first + parts.length;
  }
  return read;
}

/** Whether the entry `id` comes after `other` in a stream. */
export function isAfter(id: string, other: string): boolean {
  const [ms = "", sequence = ""] = id.split("-");
  const [otherMs = "", otherSequence = ""] = other.split("-");
  return ms === otherMs ? isMore(sequence, otherSequence) : isMore(ms, otherMs);
}

/** Numbers of 64 bits, as digits without leading zeros. */
function isMore(digits: string, other: string): boolean {
  return digits.length === other.length ? digits > other : digits.length > other.length;
}
