import { invalidOption } from "../errors.js";

/** @throws {SseError} `invalid-option` unless all numbers are at least `least` */
export function atLeast(least: number, numbers: Record<string, number>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value >= least)) throw invalidOption(name, value, `a number, ${least} or more`);
  }
}
