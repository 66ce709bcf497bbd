import { describe } from "../errors.js";
import type { AnswerErrorCode, ErrorPart } from "../streaming/parts.js";
import { count, defined, filled, isObject, type JsonObject, object, parse, text } from "./json.js";

/** An error part without its `type`. */
export type Failure = Omit<ErrorPart, "type">;

/** What HTTP says about a failed request. */
export interface HttpContext {
  status?: number | undefined;
  headers?: { get(name: string): string | null } | undefined;
}

const maxMessage = 4096;

/** Provider's words in `error.type`, `error.code` and `error.status`; the first that matches. */
const words: [RegExp, AnswerErrorCode][] = [
  [/insufficient_quota|quota_exceeded|billing|payment|credit/, "quota"],
  [/rate_?limit|resource_exhausted|too_many_requests|throttl/, "rate-limit"],
  [/overloaded|unavailable/, "overloaded"],
  [/content_(filter|policy)|safety|moderation/, "content-filter"],
  [/authentication|unauthenticated|unauthorized|api_key/, "authentication"],
  [/permission|forbidden/, "permission"],
  [/not_found/, "not-found"],
  [/timeout|deadline_exceeded/, "timeout"],
  [/invalid_(request|argument|prompt)|bad_?request|too_large|context_length/, "invalid-request"],
  [/server_error|api_error|internal/, "server-error"],
];

const statuses = new Map<number, AnswerErrorCode>([
  [401, "authentication"],
  [402, "quota"],
  [403, "permission"],
  [404, "not-found"],
  [408, "timeout"],
  [429, "rate-limit"],
  [503, "overloaded"],
  [504, "timeout"],
  [529, "overloaded"],
]);

const retryable = new Set<AnswerErrorCode>([
  "rate-limit",
  "overloaded",
  "timeout",
  "server-error",
  "incomplete-stream",
  "connection-error",
]);

export function failure(code: AnswerErrorCode, message: string, more?: Partial<Failure>): Failure {
  return { code, message: message.slice(0, maxMessage), retryable: retryable.has(code), ...more };
}

function codeOf(said: string, status: number | undefined): AnswerErrorCode {
  for (const [pattern, code] of words) if (pattern.test(said)) return code;
  if (status === undefined || status < 400) return "provider-error";
  return statuses.get(status) ?? (status >= 500 ? "server-error" : "invalid-request");
}

/** The innermost error object: providers wrap it in `error`, in arrays, or not at all. */
function unwrap(given: unknown): unknown {
  let value = given;
  for (let depth = 0; depth < 4; depth++) {
    if (Array.isArray(value)) [value] = value;
    else if (isObject(value) && (isObject(value.error) || filled(value.error))) value = value.error;
    else break;
  }
  return value;
}

function messageOf(error: unknown): string | undefined {
  if (typeof error === "string") return filled(error.trim());
  const { message, detail, msg } = object(error);
  return filled(message) ?? filled(detail) ?? filled(msg);
}

/**
 * The error that a provider reported, in whichever of the usual shapes.
 *
 * @param raw the error object, a body that holds one, or text
 */
export function providerFailure(raw: unknown, http: HttpContext = {}): Failure {
  const inner = unwrap(raw);
  const error = object(inner);
  // A flat report's `type` says only that it is one.
  const providerType = error.type === "error" ? undefined : filled(error.type);
  const providerCode = filled(error.code) ?? filled(error.status) ?? count(error.code)?.toString();
  const status = http.status ?? count(error.code) ?? count(error.status);
  const said = `${short(providerType)} ${short(providerCode)} ${short(error.status)}`.toLowerCase();
  const code = codeOf(said, status);
  const message =
    messageOf(inner) ?? `the provider failed without saying why (${status ?? "error"})`;
  const details = defined({
    status: status !== undefined && status > 399 && status < 600 ? status : undefined,
    retryAfter: retryAfter(http.headers),
    providerType,
    providerCode,
    raw: isObject(inner) ? inner : undefined,
  });
  const told = http.headers?.get("x-should-retry");
  return failure(code, message, {
    ...details,
    ...((told === "true" || told === "false") && { retryable: told === "true" }),
  });
}

function short(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 200) : "";
}

/** In ms. https://www.rfc-editor.org/rfc/rfc9110#name-retry-after; OpenAI's `retry-after-ms`. */
function retryAfter(headers: HttpContext["headers"]): number | undefined {
  const exact = headers?.get("retry-after-ms");
  if (exact) return count(Number(exact));
  const given = headers?.get("retry-after");
  if (!given) return undefined;
  const seconds = Number(given);
  if (Number.isFinite(seconds)) return count(seconds * 1000);
  const date = Date.parse(given);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** The body of a response that is no event stream. */
export function bodyFailure(body: string, http: HttpContext): Failure {
  const failed = http.status !== undefined && http.status > 399;
  const parsed = parse(body);
  const reports = isObject(unwrap(parsed)) && saysError(parsed);
  if (failed || reports) return providerFailure(parsed ?? plain(body), http);
  const what = parsed === undefined ? `"${body.trim().slice(0, 200)}"` : "a JSON document";
  return failure(
    "not-a-stream",
    `the provider answered with ${what} instead of an event stream; ask for \`stream: true\``,
    isObject(parsed) ? { raw: parsed } : {},
  );
}

/** Whether a chunk or body is an error report: OpenAI, Anthropic, Google, vLLM, FastAPI. */
export function saysError(value: unknown): boolean {
  const report = Array.isArray(value) ? object(value[0]) : object(value);
  return (
    isObject(report.error) ||
    filled(report.error) !== undefined ||
    report.object === "error" ||
    report.type === "error"
  );
}

/** A web page says nothing that would help. */
function plain(body: string): string {
  return body.trimStart().startsWith("<") ? "" : body;
}

/** What a source threw: an error of a provider's SDK, of `fetch`, or of the application's code. */
export function thrownFailure(thrown: unknown): Failure {
  const { name, status, headers, error, code, cause } = object(thrown) as JsonObject & HttpContext;
  const message = thrown instanceof Error ? thrown.message : describe(thrown);
  const names = `${name} ${(thrown as Error | undefined)?.constructor?.name}`;
  const context: HttpContext = {
    status: count(status),
    headers: typeof headers?.get === "function" ? headers : undefined,
  };
  if (context.status !== undefined || isObject(error)) {
    const raw = isObject(error) ? error : { message, type: (thrown as JsonObject).type, code };
    const told = providerFailure(raw, context);
    return { ...told, cause: thrown };
  }
  if (/Timeout/.test(names)) return failure("timeout", message, { cause: thrown });
  if (thrown instanceof SyntaxError) {
    return failure("invalid-chunk", `a chunk is not JSON: ${message}`, { cause: thrown });
  }
  const lost =
    /APIConnectionError/.test(names) ||
    /^(terminated|fetch failed|network error|Failed to fetch|Premature close)/i.test(message) ||
    /^(E[A-Z]+|UND_ERR_\w+)$/.test(text(code) || text(object(cause).code));
  const what = lost ? "the connection to the provider failed" : "reading from the provider failed";
  const told = `${what}: ${message}`;
  return failure(lost ? "connection-error" : "source-error", told, { cause: thrown });
}

/** Whether a source threw because the application stopped it. */
export function isAbort(thrown: unknown): boolean {
  const error = object(thrown);
  const constructed = (thrown as object | undefined)?.constructor?.name;
  return (
    error.name === "AbortError" ||
    constructed === "APIUserAbortError" ||
    (count(error.status) === undefined && error.message === "Request was aborted.")
  );
}
