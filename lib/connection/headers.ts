import type { OutgoingHttpHeader, OutgoingHttpHeaders } from "node:http";
import { describe, SseError } from "../errors.js";
import { type BuiltInConnectionOptions, requireOption } from "../options.js";

type GivenHeaders = NonNullable<BuiltInConnectionOptions["headers"]>;
type HeaderEntry = [name: string, value: string | string[] | undefined];

// RFC 9110, 5.1 and 5.5. Beyond ASCII only what Latin-1 has, as HTTP/1 has no more.
const validName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const validValue = /^[\t\x20-\x7e\x80-\xff]*$/;

function checkHeader(name: string, value: unknown): void {
  if (!validName.test(name)) {
    throw new SseError(
      "invalid-header",
      `${describe(name)} is no header name; one has letters, digits and !#$%&'*+-.^_\`|~ only.`,
    );
  }
  for (const item of Array.isArray(value) ? value : [value]) {
    if (item !== undefined && !validValue.test(String(item))) {
      throw new SseError(
        "invalid-header",
        `the value of header ${name} is ${describe(item)}; it must be Latin-1 text without line ends and other control characters.`,
      );
    }
  }
}

/**
 * Throws for options that no response can have.
 *
 * @throws {SseError} `invalid-option`, `invalid-header`
 */
export function checkResponseOptions({ statusCode, headers }: BuiltInConnectionOptions): void {
  requireOption(
    statusCode === undefined ||
      (Number.isInteger(statusCode) && statusCode >= 200 && statusCode <= 599),
    "statusCode",
    statusCode,
    "a whole number, 200 to 599",
  );
  if (headers === undefined) return;
  for (const [name, value] of headerEntries("headers", headers)) checkHeader(name, value);
}

/**
 * The headers given as an option, each with all its values.
 *
 * @throws {SseError} `invalid-option` for a Map or pairs, of which nothing would be sent
 */
export function headerEntries(option: string, given: unknown): HeaderEntry[] {
  const isObject = typeof given === "object" && given !== null;
  const valid = isObject && (isHeaders(given) || !(Symbol.iterator in given));
  const expected =
    "a plain object of names and values (Object.fromEntries makes one of a Map or of pairs), or Headers";
  requireOption(valid, option, given, expected);
  return entriesOf(given as GivenHeaders);
}

/** By shape: they may come from another realm, or another implementation. */
function isHeaders(given: object): given is Headers {
  return typeof (given as Partial<Headers>).getSetCookie === "function" && Symbol.iterator in given;
}

function entriesOf(headers: GivenHeaders): HeaderEntry[] {
  if (!isHeaders(headers)) return Object.entries(headers);
  // Headers has an entry per cookie.
  const entries = new Map<string, string | string[]>(headers);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) entries.set("set-cookie", cookies);
  return [...entries];
}

/** See `Connection.applyHeaders`. */
export function applyHeaders(
  from: Record<string, OutgoingHttpHeader | undefined> | Headers,
  to: Headers,
): void {
  for (const [name, value] of entriesOf(from as GivenHeaders)) {
    to.delete(name);
    if (Array.isArray(value)) for (const item of value) to.append(name, item);
    else if (value !== undefined) to.append(name, String(value));
  }
}

/** What of a Node response this needs: of HTTP/1 and HTTP/2 alike. */
export interface HeaderTarget {
  hasHeader(name: string): boolean;
  removeHeader(name: string): void;
}

/** The headers to send beside those that `res` has: `defaults` that it lacks, overridden by `given`. */
export function headFor(
  res: HeaderTarget,
  defaults: Readonly<Record<string, string>>,
  given: GivenHeaders | undefined,
): OutgoingHttpHeaders {
  const head = new Map<string, [string, string | string[]]>();
  for (const [name, value] of Object.entries(defaults)) {
    if (!res.hasHeader(name)) head.set(name.toLowerCase(), [name, value]);
  }
  for (const [name, value] of given ? entriesOf(given) : []) {
    head.delete(name.toLowerCase());
    if (value === undefined) res.removeHeader(name);
    else head.set(name.toLowerCase(), [name, value]);
  }
  return Object.fromEntries(head.values());
}

/** The headers to send for a `Response` that the application may have changed. */
export function headOf(
  res: HeaderTarget & { getHeaderNames(): string[] },
  response: Response,
): OutgoingHttpHeaders {
  for (const name of res.getHeaderNames()) {
    if (!response.headers.has(name)) res.removeHeader(name);
  }
  const head: OutgoingHttpHeaders = Object.fromEntries(response.headers);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) head["set-cookie"] = cookies;
  return head;
}
