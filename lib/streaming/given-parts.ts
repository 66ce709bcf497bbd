import { thrownFailure } from "../adapters/provider-error.js";
import { describe, SseError } from "../errors.js";
import type { ErrorPart, MetadataPart, UsagePart } from "./parts.js";

/** What an application says in its own words, as parts. */

/** Tokens of the whole answer, each a whole number of 0 or more. */
export interface TokenUsage {
  promptTokens: number;
  completionTokens: number;
  /** Defaults to the sum of the two. */
  totalTokens?: number | undefined;
}

const maxMessage = 4096;

function invalid(what: string, value: unknown, expected: string): SseError {
  return new SseError("invalid-argument", `${what} is ${describe(value)}; it must be ${expected}.`);
}

function tokens(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw invalid(name, value, "a whole number, 0 or more");
}

/** @throws {SseError} `invalid-argument` */
export function checkToken(token: unknown): asserts token is string {
  if (typeof token !== "string") throw invalid("a token", token, "a string");
}

/** @throws {SseError} `invalid-argument` */
export function usagePart(usage: TokenUsage): UsagePart {
  if (typeof usage !== "object" || usage === null) throw invalid("usage", usage, "an object");
  const inputTokens = tokens("promptTokens", usage.promptTokens);
  const outputTokens = tokens("completionTokens", usage.completionTokens);
  const totalTokens = tokens("totalTokens", usage.totalTokens ?? inputTokens + outputTokens);
  return { type: "usage", usage: { inputTokens, outputTokens, totalTokens } };
}

/** @throws {SseError} `invalid-argument` */
export function metadataPart(data: object): MetadataPart {
  if (typeof data === "object" && data !== null && !Array.isArray(data)) {
    return { type: "metadata", data: data as Record<string, unknown> };
  }
  throw invalid("metadata", data, "an object");
}

/** Ours are `rate-limit`, AI Kit's `RATE_LIMIT`: writers know the first, and send the second. */
function codeOf(code: string): string {
  return /^[A-Z\d_]+$/.test(code) ? code.toLowerCase().replaceAll("_", "-") : code;
}

/**
 * @param error A message, or whatever was thrown.
 * @throws {SseError} `invalid-argument` for a code that is no string
 */
export function errorPart(error: unknown, code?: string): ErrorPart {
  if (code !== undefined && typeof code !== "string") throw invalid("a code", code, "a string");
  const own = code === undefined ? undefined : codeOf(code);
  if (typeof error !== "string") {
    return { type: "error", ...thrownFailure(error), ...(own !== undefined && { code: own }) };
  }
  const message = error.slice(0, maxMessage);
  return { type: "error", code: own ?? "server-error", message, retryable: false };
}
