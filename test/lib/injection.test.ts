import { describe, expect, it } from "vitest";
import { createEventBuffer, createResponse, type EventBuffer, SseError } from "../../lib/index.ts";
import { errorOf, parseStream, sessionOptions, within } from "../e2e/harness.ts";

type Options = NonNullable<Parameters<typeof createEventBuffer>[0]>;
type Write = (buffer: EventBuffer) => unknown;

/** The stream of an event buffer, and of a session that batches the same. */
async function streams(write: Write, options: Options = {}): Promise<string[]> {
  const buffer = createEventBuffer({ serializer: String, ...options });
  write(buffer);
  const all = sessionOptions({ serializer: String, retry: null, ...options });
  const response = createResponse(new Request("http://localhost/"), all, async (session) => {
    await session.batch((batched) => void write(batched));
    await session.close();
  });
  return [buffer.read(), await within(response.text(), "whole body")];
}

/** Fails unless every way of writing gives exactly one event, with no field but those meant. */
async function expectOneEvent(
  write: Write,
  event: { event?: string; id?: string; data: string },
  options?: Options,
) {
  for (const stream of await streams(write, options)) {
    for (const step of [Number.POSITIVE_INFINITY, 1]) {
      const { events, retries, comments, errors } = parseStream(stream, step);
      expect(events).toEqual([{ event: "message", id: "1", ...event }]);
      expect({ retries, comments, errors }).toEqual({ retries: [], comments: [], errors: [] });
    }
  }
}

const lineEnds = ["\n", "\r", "\r\n", "\n\r", "\n\n", "\r\r"];

describe("an event, id or retry from an attacker (CVE-2026-29085, hono)", () => {
  it.each(lineEnds)("cannot start a field through the event name with %j", async (end) => {
    const name = `x${end}data: injected${end}id: evil${end}retry: 1`;
    const event = "xdata: injectedid: evilretry: 1";
    await expectOneEvent((buffer) => buffer.push("ok", name, "1"), { event, data: "ok" });
  });

  it.each(lineEnds)("cannot start a field through the id with %j", async (end) => {
    const id = `1${end}event: admin${end}data: injected`;
    const seen = { id: "1event: admindata: injected", data: "ok" };
    await expectOneEvent((buffer) => buffer.push("ok", "message", id), seen);
  });

  it.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    -1,
    1.5,
    "1\ndata:x",
    "1000",
    null,
    undefined,
    {},
    1n,
    [1],
  ])("is refused as a retry that is no whole number of ms: %s", async (retry) => {
    const buffer = createEventBuffer();
    const error = await errorOf(() => buffer.retry(retry as number));
    expect(error).toBeInstanceOf(SseError);
    expect(error.code).toBe("invalid-argument");
    expect(buffer.read()).toBe("");
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, "1\ndata:x", "1000", {}, 1n])(
    "is refused as the session's retry option: %s",
    async (retry) => {
      const options = sessionOptions({ retry: retry as number });
      const error = await errorOf(() =>
        createResponse(new Request("http://localhost/"), options, () => {}),
      );
      expect(error).toBeInstanceOf(SseError);
      expect(error.code).toBe("invalid-option");
      expect(error.message).toContain("retry");
    },
  );

  it("is no more than a whole number when it is a valid retry", () => {
    expect(createEventBuffer().retry(0).retry(86_400_000).read()).toBe("retry:0\nretry:86400000\n");
  });
});

describe("data and comments from an attacker (CVE-2026-33128, h3)", () => {
  it("cannot end the event and start another through data", async () => {
    const data = "bob: hi\n\nevent: system\ndata: Reset: evil.com\n\n";
    await expectOneEvent((buffer) => buffer.push(data, "message", "1"), { data });
  });

  it("cannot end the event through the event name", async () => {
    const name = "message\nevent: admin\ndata: ALL_USERS_HACKED\n\n";
    const event = "messageevent: admindata: ALL_USERS_HACKED";
    await expectOneEvent((buffer) => buffer.push("hey", name, "1"), { event, data: "hey" });
  });

  it("cannot leave the comment", async () => {
    for (const stream of await streams((buffer) =>
      buffer.comment("x\n\ndata: evil\n\n").dispatch(),
    )) {
      expect(parseStream(stream).events).toEqual([]);
      expect(stream.split("\n").every((line) => line === "" || line.startsWith(":"))).toBe(true);
    }
  });
});

describe("a bare carriage return (GHSA-4hxc-9384-m385, h3)", () => {
  it("ends a line of data and nothing else", async () => {
    const data = "legit\revent: evil\rdata: injected\r\rdata: another";
    const seen = { data: data.replaceAll("\r", "\n") };
    await expectOneEvent((buffer) => buffer.push(data, "message", "1"), seen);
  });

  it("ends a line of a comment and nothing else", async () => {
    for (const stream of await streams((buffer) =>
      buffer.comment("x\rdata: evil\r\r").dispatch(),
    )) {
      expect(parseStream(stream).events).toEqual([]);
      expect(stream).not.toContain("\r");
    }
  });
});

describe("type and id taken from upstream data (CVE-2026-35515, NestJS)", () => {
  it("cannot forge an event through either, or corrupt the reconnection state", async () => {
    const type = "t\nid: 999\nretry: 1\ndata: forged\n";
    const id = "1\r\rdata: forged\r\r";
    const seen = { event: "tid: 999retry: 1data: forged", id: "1data: forged", data: "ok" };
    await expectOneEvent((buffer) => buffer.push("ok", type, id), seen);
  });
});

describe("plain text instead of JSON (CVE-2026-22735, Spring)", () => {
  it.each(lineEnds)("arrives whole in the one event it belongs to: %j", async (end) => {
    const data = `line${end}data:forged${end}${end}id:evil${end}event:evil${end}`;
    const seen = { data: data.replace(/\r\n?/g, "\n") };
    await expectOneEvent((buffer) => buffer.push(data, "message", "1"), seen);
  });
});

describe("fields written one by one (CVE-2026-44217, sse-channel)", () => {
  it("cannot inject a message through event or id", async () => {
    const evil = "a\n\nevent: evil\ndata: evil\n\n";
    const write: Write = (buffer) => buffer.event(evil).id(evil).data("ok").dispatch();
    const flat = "aevent: evildata: evil";
    await expectOneEvent(write, { event: flat, id: flat, data: "ok" });
  });
});

describe("every line end in event and id (CVE-2026-44214, eventsource-encoder)", () => {
  it.each(lineEnds)("is removed, the rest of the value is kept: %j", async (end) => {
    const write: Write = (buffer) => buffer.push("hello", `e${end}1`, `i${end}2`);
    await expectOneEvent(write, { event: "e1", id: "i2", data: "hello" });
  });
});

describe("a serializer or sanitizer of the application's own", () => {
  const evil = "a\nid:evil\r\rdata:evil\n\nevent:evil";

  it("cannot forge a field by what the serializer returns", async () => {
    const seen = { data: evil.replaceAll("\r", "\n") };
    const options = { serializer: () => evil };
    await expectOneEvent((buffer) => buffer.push("x", "message", "1"), seen, options);
  });

  it("cannot forge a field by what the sanitizer returns", async () => {
    const flat = "aid:evildata:evilevent:evil";
    const seen = { event: flat, id: flat, data: evil.replaceAll("\r", "\n") };
    const options = { sanitizer: () => evil };
    await expectOneEvent((buffer) => buffer.push("x", "name", "1"), seen, options);
  });

  it("sees what is written before it becomes safe, and may change it", async () => {
    const options = { sanitizer: (text: string) => text.replace("secret", "***") };
    const seen = { event: "my ***", data: "the ***" };
    await expectOneEvent((buffer) => buffer.push("the secret", "my secret", "1"), seen, options);
  });
});

describe("characters that end no line", () => {
  it("stay in event and id: U+2028, U+2029, U+0085, VT, FF", async () => {
    const text = "a\u2028b\u2029c\u0085d\u000be\u000cf";
    const seen = { event: text, id: text, data: text };
    await expectOneEvent((buffer) => buffer.push(text, text, text), seen);
  });

  it("leave the id when they are NUL, since clients ignore an id that has one", async () => {
    const seen = { id: "12", event: "a\0b", data: "c\0d" };
    await expectOneEvent((buffer) => buffer.push("c\0d", "a\0b", "1\x002"), seen);
  });

  it("become U+FFFD when they are half a surrogate pair at the edge of a field", async () => {
    const seen = { id: "\ufffd", event: "\ufffd", data: "\ufffd" };
    await expectOneEvent((buffer) => buffer.push("\ud83d", "\ud83d", "\udf89"), seen);
  });
});

describe("event names and ids that are no strings", () => {
  it.each([1, {}, null, true, Symbol("s")])(
    "are refused before anything is written: %s",
    async (bad) => {
      const buffer = createEventBuffer();
      for (const write of [
        () => buffer.push("x", bad as string, "1"),
        () => buffer.push("x", "name", bad as string),
        () => buffer.event(bad as string),
        () => buffer.id(bad as string),
      ]) {
        const error = await errorOf(write);
        expect(error).toBeInstanceOf(SseError);
        expect(error.code).toBe("invalid-argument");
      }
      expect(buffer.read()).toBe("");
    },
  );
});
