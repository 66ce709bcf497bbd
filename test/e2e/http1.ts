export interface RawResponse {
  statusLine: string;
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** The body so far, without chunk framing, in the pieces it came in. */
  parts: Buffer[];
  readonly body: Buffer;
  whole: boolean;
}

function parseHead(head: string): RawResponse {
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const parts: Buffer[] = [];
  const status = Number(statusLine.split(" ")[1]);
  const response = { statusLine, status, headers, parts, whole: false };
  return Object.defineProperty(response, "body", {
    get: () => Buffer.concat(parts),
  }) as RawResponse;
}

/**
 * Reads HTTP/1 responses from bytes as they come. Strict, unlike Node's own client: it throws on
 * whatever breaks the framing, so that a byte in the wrong place fails the test.
 */
export class ResponseParser {
  readonly responses: RawResponse[] = [];
  /** The method of each request, in order; those not named are GET. */
  readonly methods: string[] = [];
  #pending: Buffer = Buffer.alloc(0);
  #current: RawResponse | undefined;
  /** Bytes that remain of the current chunk or of the body; Infinity: until the connection ends. */
  #remaining = 0;
  #chunked = false;
  /** A chunk has been read whose line end is still to come. */
  #sawChunk = false;

  feed(bytes: Buffer) {
    this.#pending = this.#pending.length > 0 ? Buffer.concat([this.#pending, bytes]) : bytes;
    while (this.#step());
  }

  #step(): boolean {
    if (!this.#current) return this.#head();
    if (this.#remaining > 0) return this.#body(this.#current);
    return this.#chunked ? this.#chunkSize(this.#current) : this.#end(this.#current);
  }

  #head(): boolean {
    const end = this.#pending.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const response = parseHead(this.#pending.toString("latin1", 0, end));
    if (!/^HTTP\/1\.[01] \d{3} /.test(response.statusLine)) {
      throw new Error(`no status line: ${JSON.stringify(response.statusLine)}`);
    }
    this.#pending = this.#pending.subarray(end + 4);
    const bodiless =
      this.methods[this.responses.length] === "HEAD" || [204, 304].includes(response.status);
    const length = response.headers["content-length"];
    this.#chunked = !bodiless && response.headers["transfer-encoding"] === "chunked";
    if (bodiless || this.#chunked) this.#remaining = 0;
    else this.#remaining = length === undefined ? Number.POSITIVE_INFINITY : Number(length);
    this.responses.push(response);
    this.#current = response;
    return true;
  }

  #body(response: RawResponse): boolean {
    const part = this.#pending.subarray(0, this.#remaining);
    if (part.length === 0) return false;
    response.parts.push(part);
    this.#pending = this.#pending.subarray(part.length);
    this.#remaining -= part.length;
    return true;
  }

  #chunkSize(response: RawResponse): boolean {
    const skip = this.#sawChunk ? 2 : 0;
    const end = this.#pending.indexOf("\r\n", skip);
    if (end < 0) return false;
    if (skip > 0 && this.#pending.toString("latin1", 0, 2) !== "\r\n") {
      throw new Error("a chunk does not end where its size says");
    }
    const size = this.#pending.toString("latin1", skip, end);
    if (!/^[0-9a-f]+$/i.test(size)) throw new Error(`no chunk size: ${JSON.stringify(size)}`);
    this.#remaining = Number.parseInt(size, 16);
    if (this.#remaining > 0) {
      this.#sawChunk = true;
      this.#pending = this.#pending.subarray(end + 2);
      return true;
    }
    if (this.#pending.length < end + 4) return false;
    this.#pending = this.#pending.subarray(end + 4);
    return this.#end(response);
  }

  #end(response: RawResponse): boolean {
    response.whole = true;
    this.#current = undefined;
    this.#sawChunk = false;
    return this.#pending.length > 0;
  }
}

/** All HTTP/1 responses in `bytes`, the last one perhaps unfinished. */
export function parseResponses(bytes: Buffer): readonly RawResponse[] {
  const parser = new ResponseParser();
  parser.feed(bytes);
  return parser.responses;
}
