import { createParser } from "eventsource-parser";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { EventParser, type ParsedEvent } from "../../lib/client/event-parser.ts";
import { SseError } from "../../lib/client/index.ts";
import { errorOf } from "../e2e/harness.ts";

interface Seen {
  events: ParsedEvent[];
  retries: number[];
  comments: string[];
  lastEventId: string;
}

const bytesOf = (stream: string | Uint8Array) =>
  typeof stream === "string" ? new TextEncoder().encode(stream) : stream;

function* cut(bytes: Uint8Array, sizes: Iterable<number>) {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

function parse(stream: string | Uint8Array, sizes: Iterable<number> = [], lastEventId = ""): Seen {
  const seen: Seen = { events: [], retries: [], comments: [], lastEventId: "" };
  const parser = new EventParser({
    onEvent: (event) => seen.events.push(event),
    onRetry: (ms) => seen.retries.push(ms),
    onComment: (text) => seen.comments.push(text),
    lastEventId,
  });
  for (const piece of cut(bytesOf(stream), sizes)) parser.push(piece);
  seen.lastEventId = parser.lastEventId;
  return seen;
}

/** One byte at a time. */
const singly = (stream: string | Uint8Array) => new Array(bytesOf(stream).length).fill(1);

const dataOf = (stream: string) => parse(stream).events.map(({ data }) => data);

describe("the rules of the WHATWG", () => {
  // Each row: what it shows, the stream, and its events as [data, event, id].
  const rules: [string, string, [string, string?, string?][]][] = [
    ["a blank line dispatches", "data: a\n\n", [["a"]]],
    ["lines of data are joined by LF", "data: YHOO\ndata: +2\ndata: 10\n\n", [["YHOO\n+2\n10"]]],
    [
      "one space after the colon is dropped",
      "data:a\n\ndata: a\n\ndata:  a\n\n",
      [["a"], ["a"], [" a"]],
    ],
    ["a tab is no space", "data:\ta\n\n", [["\ta"]]],
    ["what follows the first colon is the value", "data: a: b:c\n\n", [["a: b:c"]]],
    ["a field without a colon has an empty value", "data\n\ndata\ndata\n\ndata:", [[""], ["\n"]]],
    ["empty data is an event, no data is none", "data:\n\nevent: x\n\n\n\n", [[""]]],
    ["LF ends a line", "data: a\ndata: b\n\n", [["a\nb"]]],
    ["CRLF ends one line", "data: a\r\ndata: b\r\n\r\n", [["a\nb"]]],
    ["CR ends a line", "data: a\rdata: b\r\r", [["a\nb"]]],
    ["LF CR are two ends", "data: a\n\rdata: b\n\r", [["a"], ["b"]]],
    ["CR CR LF are two ends", "data: a\r\r\ndata: b\r\r\n", [["a"], ["b"]]],
    [
      "other line separators end none",
      "data: a\u2028b\u2029c\u0085d\vd\f\n\n",
      [["a\u2028b\u2029c\u0085d\vd\f"]],
    ],
    ["the event names its type", "event: x\ndata: a\n\ndata: b\n\n", [["a", "x"], ["b"]]],
    ["the last type counts", "event: x\nevent: y\ndata: a\n\n", [["a", "y"]]],
    ["an empty type is message", "event: x\nevent\ndata: a\n\n", [["a"]]],
    ["a type without data is forgotten", "event: x\n\ndata: a\n\n", [["a"]]],
    [
      "an id stays",
      "id: 1\ndata: a\n\ndata: b\n\n",
      [
        ["a", "message", "1"],
        ["b", "message", "1"],
      ],
    ],
    ["an empty id resets it", "id: 1\ndata: a\n\nid\ndata: b\n\n", [["a", "message", "1"], ["b"]]],
    ["an id with NUL is ignored", "id: 1\nid: 2\0\nid: \0\ndata: a\n\n", [["a", "message", "1"]]],
    ["an id without data is kept", "id: 7\n\ndata: a\n\n", [["a", "message", "7"]]],
    ["an id may come after the data", "data: a\nid: 1\n\n", [["a", "message", "1"]]],
    ["NUL elsewhere is a character", "data: a\0b\nevent: \0\n\n", [["a\0b", "\0"]]],
    ["names are compared literally", "Data: a\nDATA: a\n data: a\ndata : a\n\n", []],
    ["unknown fields are ignored", "foo: 1\ndata: a\nbar\n\n", [["a"]]],
    ["comments are ignored", ": data: x\ndata: a\n:data: b\n:\n\n", [["a"]]],
    ["a comment does not end an event", "data: a\n: ping\ndata: b\n\n", [["a\nb"]]],
    ["an event that is not ended is dropped", "data: a\n\ndata: b\nid: 2\n", [["a"]]],
    ["nor does a line without its end count", "data: a\n\ndata: b", [["a"]]],
    ["one BOM is dropped", "\uFEFFdata: a\n\n", [["a"]]],
    ["a second one is not", "\uFEFF\uFEFFdata: a\n\ndata: b\n\n", [["b"]]],
    [
      "nor one that comes later",
      "data: a\n\n\uFEFFdata: b\n\ndata: \uFEFF\n\n",
      [["a"], ["\uFEFF"]],
    ],
    ["a stream may have nothing", "", []],
  ];

  describe.each([
    ["whole", () => []],
    ["byte by byte", singly],
    ["in halves", (stream: string) => [bytesOf(stream).length >> 1]],
  ] as [string, (stream: string) => number[]][])("%s", (_, sizes) => {
    test.each(rules)("%s", (_, stream, expected) => {
      const events = expected.map(([data, event = "message", id = ""]) => ({ event, data, id }));
      expect(parse(stream, sizes(stream)).events).toEqual(events);
    });
  });

  test("what is no UTF-8 is replaced, and ends no line", () => {
    const stream = Uint8Array.from([...bytesOf("data: a"), 0xff, 0xc3, ...bytesOf("\n\n")]);
    expect(parse(stream).events[0]?.data).toBe("a\uFFFD\uFFFD");
    expect(parse(stream, singly(stream)).events[0]?.data).toBe("a\uFFFD\uFFFD");
  });

  test("a UTF-16 byte order mark is two characters of the first line", () => {
    const stream = Uint8Array.from([0xff, 0xfe, ...bytesOf("data: 1\n\ndata: 2\n\n")]);
    expect(parse(stream).events).toEqual([{ event: "message", data: "2", id: "" }]);
  });

  test("a CR ends its line at once, whatever follows", () => {
    const events: ParsedEvent[] = [];
    const parser = new EventParser({ onEvent: (event) => events.push(event) });
    parser.push(bytesOf("data: a\r\r"));
    expect(events).toHaveLength(1);
    parser.push(bytesOf("\ndata: b\r"));
    parser.push(new Uint8Array());
    parser.push(bytesOf("\n\r"));
    expect(events.map(({ data }) => data)).toEqual(["a", "b"]);
  });

  test.each([
    ["retry: 10\n", [10]],
    ["retry:010\n", [10]],
    ["retry: 1000000000000000000000\n", [1e21]],
    ["retry\nretry:\nretry: \n", []],
    ["retry: -1\nretry: +1\nretry: 1.5\nretry: 1e3\nretry: 0x1\nretry: 1s\n", []],
    ["retry:  1\nretry: 1 \n", []],
    ["retry: \u0661\u0662\nretry: \uff11\n", []],
  ])("retry takes only ASCII digits: %j", (stream, expected) => {
    expect(parse(stream).retries).toEqual(expected);
  });

  test("the last event id is set by the blank line", () => {
    expect(parse("id: 1\ndata: a\n\nid: 2\ndata: b\n").lastEventId).toBe("1");
    expect(parse("id: 1\ndata: a\n\nid: 2\n\n").lastEventId).toBe("2");
    expect(parse("id: 1\ndata: a\n\nid\n\n").lastEventId).toBe("");
  });

  test("the stream of a reconnection goes on with the id that is known", () => {
    const { events, lastEventId } = parse("data: a\n\n", [], "9");
    expect(events).toEqual([{ event: "message", data: "a", id: "9" }]);
    expect(lastEventId).toBe("9");
  });

  test("comments lose the space that a server puts before them", () => {
    expect(parse(":a\n: b\n:  c\n:\n").comments).toEqual(["a", "b", " c", ""]);
  });
});

/** The rules once more, over the whole text: what the parser must give, however the text is cut. */
function model(text: string): Seen {
  const seen: Seen = { events: [], retries: [], comments: [], lastEventId: "" };
  let [data, event, id] = ["", "", ""];
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  for (const line of lines.slice(0, -1)) {
    const [, field = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (line === "") {
      seen.lastEventId = id;
      if (data) seen.events.push({ event: event || "message", data: data.slice(0, -1), id });
      [data, event] = ["", ""];
    } else if (field === "") seen.comments.push(value);
    else if (field === "data") data += `${value}\n`;
    else if (field === "event") event = value;
    else if (field === "id") id = value.includes("\0") ? id : value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) seen.retries.push(Number(value));
  }
  return seen;
}

const wellFormed = new TextDecoder("utf-8", { ignoreBOM: true });
const lineEnd = fc.constantFrom("\n", "\r", "\r\n");
const field = fc.constantFrom(
  "data",
  "data",
  "data",
  "event",
  "id",
  "retry",
  "",
  "foo",
  "\uFEFFdata",
);
const text = fc.stringMatching(/^[^\r\n]*$/, { maxLength: 12 });
const value = fc.oneof(text, fc.constantFrom("", " ", "é😀", "1", "a\0b", "\uFEFF", ":"));
const line = fc.oneof(
  fc.constant(""),
  fc.tuple(field, fc.constantFrom(":", ": ", ":  "), value).map((parts) => parts.join("")),
  fc.oneof(field, text),
);
const stream = fc
  .tuple(
    fc.constantFrom("", "", "\uFEFF"),
    fc.array(fc.tuple(line, lineEnd), { maxLength: 30 }),
    fc.oneof(fc.constant(""), line),
  )
  // Lone surrogates have no UTF-8.
  .map(([bom, lines, rest]) => wellFormed.decode(bytesOf(bom + lines.flat().join("") + rest)));
const sizes = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 200 });

describe("random streams", () => {
  it("are read as the rules say: whole, byte by byte and in random pieces", () => {
    fc.assert(
      fc.property(stream, sizes, (stream, sizes) => {
        const expected = model(stream);
        expect(parse(stream)).toEqual(expected);
        expect(parse(stream, singly(stream))).toEqual(expected);
        expect(parse(stream, sizes)).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  /**
   * eventsource-parser leaves three things to its caller: it holds a CR at the end back until more comes
   * (hence the comment that follows here), it gives each event its own id only, and none of events without data.
   */
  it("give the events that eventsource-parser gives", () => {
    fc.assert(
      fc.property(stream, sizes, (stream, sizes) => {
        const whole = `${stream}\n:`;
        const messages: { event: string; data: string }[] = [];
        const retries: number[] = [];
        const comments: string[] = [];
        const parser = createParser({
          onEvent: ({ event = "message", data }) => messages.push({ event, data }),
          onRetry: (ms) => retries.push(ms),
          onComment: (text) => comments.push(text),
        });
        const decoder = new TextDecoder();
        for (const piece of cut(bytesOf(whole), sizes)) {
          parser.feed(decoder.decode(piece, { stream: true }));
        }
        for (const way of [[], singly(whole), sizes]) {
          const seen = parse(whole, way);
          expect(seen.events.map(({ event, data }) => ({ event, data }))).toEqual(messages);
          expect(seen.retries).toEqual(retries);
          expect(seen.comments).toEqual(comments);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("of bytes that are no UTF-8 are read alike, however they are cut", () => {
    const bytes = fc.array(
      fc.constantFrom(0xef, 0xbb, 0xbf, 0xff, 0xc3, 0xa9, 0x0a, 0x0d, 0x3a, 0x64),
      {
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(bytes, sizes, (bytes, sizes) => {
        const stream = Uint8Array.from([...bytesOf("data: "), ...bytes, ...bytesOf("\n\n")]);
        const whole = parse(stream);
        expect(parse(stream, singly(stream))).toEqual(whole);
        expect(parse(stream, sizes)).toEqual(whole);
      }),
    );
  });
});

describe("hostile streams", () => {
  const limited = (maxEventChars: number) => {
    const events: ParsedEvent[] = [];
    const parser = new EventParser({ onEvent: (event) => events.push(event), maxEventChars });
    return { events, push: (text: string) => parser.push(bytesOf(text)) };
  };

  test.each([
    ["a line without end", ["data: ", "x".repeat(95)]],
    ["many lines of data", new Array(20).fill("data: x\n")],
    ["many lines at once", ["data: x\n".repeat(20)]],
    ["comments between the data", ["data: x\n", ...new Array(20).fill(":comment\n")]],
    ["an id without end", ["id: ", "x".repeat(97)]],
  ])("an event that is too large is an error: %s", async (_, pieces) => {
    const { events, push } = limited(100);
    const error = await errorOf(() => pieces.forEach(push));
    expect(error).toBeInstanceOf(SseError);
    expect(error).toMatchObject({
      code: "too-large",
      message: "stream-llm: the server sent an event of more than 100 characters.",
    });
    expect(events).toEqual([]);
  });

  test("many small events, comments and empty lines are none too large", () => {
    const { events, push } = limited(100);
    for (let i = 0; i < 100; i++) push(": ping\n\n\ndata: 0123456789\nid: 1\n\nretry: 1\n");
    expect(events).toHaveLength(100);
  });

  // What takes the square of its length takes minutes here.
  test.each([
    ["lines that end with LF, a CR only at the end", `${"data\n".repeat(500_000)}\r`],
    ["lines that end with LF, no CR", "data\n".repeat(500_000)],
    ["lines that end with CR, an LF only at the end", `${"data\r".repeat(500_000)}\n`],
    ["one line", `data: ${"x".repeat(2_500_000)}`],
    ["one field without a colon", "x".repeat(2_500_000)],
    ["nothing but colons", ":".repeat(2_500_000)],
    ["nothing but line ends", "\n\r".repeat(1_250_000)],
  ])("take no more time for their length: %s", (_, stream) => {
    const bytes = bytesOf(stream);
    for (const step of [bytes.length, 4096, 97]) {
      const parser = new EventParser({ onEvent() {}, maxEventChars: 3_000_000 });
      for (let at = 0; at < bytes.length; at += step) parser.push(bytes.subarray(at, at + step));
      parser.push(bytesOf("\n\n"));
    }
  });

  test("data of a million lines is whole", () => {
    expect(dataOf(`${"data: x\n".repeat(1_000_000)}\n`)[0]).toHaveLength(1_999_999);
  });
});
