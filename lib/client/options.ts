import { SseError } from "../errors.js";

/** As that of the server, without its words for whatever a value may be: a page has few options, and loads all of it. */
export function requireOption(
  valid: boolean,
  name: string,
  value: unknown,
  expected: string,
): void {
  if (valid) return;
  throw new SseError("invalid-option", `${name} is ${value}; it must be ${expected}.`);
}

/** @throws {SseError} `invalid-option` unless all numbers are at least `least` */
export function atLeast(least: number, numbers: Record<string, number>): void {
  for (const [name, value] of Object.entries(numbers)) {
    requireOption(value >= least, name, value, `a number, ${least} or more`);
  }
}
