import type { ErrorPart } from "./parts.js";

/** How often at most a process tells of failures, in ms. */
const interval = 60_000;
const maxWords = 400;

/** Whose message is written here or by the application: a provider's can hold keys, and what was asked. */
const ours = new Set<string>([
  "incomplete-stream",
  "unknown-format",
  "connection-error",
  "source-error",
  "idle-timeout",
  "max-duration",
  "max-bytes",
  "store-error",
]);

let toldAt = Number.NEGATIVE_INFINITY;
let untold = 0;

/** In a line of a log, whatever it is. */
function shown(given: unknown): string {
  return String(given)
    .slice(0, maxWords)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
}

function named({ code, status, providerType, providerCode, message }: ErrorPart): string {
  const words = [code, status, providerType, providerCode].filter(
    (word, index, all) => word !== undefined && all.indexOf(word) === index,
  );
  return `${words.map(shown).join(", ")}${ours.has(code) ? `: ${shown(message)}` : ""}`;
}

/**
 * Tells whoever runs the process of a failed answer that nobody there would hear of: by a warning of the
 * process with the code `answer-failed`, once a minute at most, without a provider's words.
 *
 * @param what What failed.
 * @param remedy What to do to hear of each.
 */
export function tellUnheard(what: string, error: ErrorPart, remedy: string): void {
  const now = performance.now();
  if (now - toldAt < interval) {
    untold++;
    return;
  }
  const others = untold > 0 ? ` ${untold} more failed since the last such warning.` : "";
  toldAt = now;
  untold = 0;
  const { cause } = error;
  process.emitWarning(`stream-llm: ${what} failed (${named(error)}).${others} ${remedy}`, {
    type: "SseError",
    code: "answer-failed",
    // Where in the application it was thrown.
    ...(error.code === "source-error" && cause instanceof Error && { detail: cause.stack }),
  });
}
