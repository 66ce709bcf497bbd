import { describe, expect, it } from "vitest";
import { createEventBuffer, EventBuffer } from "../../lib/index.ts";
import { parseStream } from "../e2e/harness.ts";

/** A buffer whose data is written as given, without JSON. */
const plain = () => createEventBuffer({ serializer: String });

describe("the bytes of an event", () => {
  it("has its fields in the order event, id, data, without a space after the colon", () => {
    const bytes = plain().push("hello", "greeting", "7").read();
    expect(bytes).toBe("event:greeting\nid:7\ndata:hello\n\n");
  });

  it("names no event when it is a message", () => {
    expect(plain().push("hello", "message", "7").read()).toBe("id:7\ndata:hello\n\n");
    expect(plain().push("hello", undefined, "7").read()).toBe("id:7\ndata:hello\n\n");
  });

  it("has JSON data unless told otherwise", () => {
    const bytes = createEventBuffer()
      .push({ a: [1, "x\ny"] }, "e", "1")
      .read();
    expect(bytes).toBe('event:e\nid:1\ndata:{"a":[1,"x\\ny"]}\n\n');
  });

  it("has one more space before a value that begins with one", () => {
    expect(plain().push(" token", " name", " id").read()).toBe(
      "event:  name\nid:  id\ndata:  token\n\n",
    );
    expect(plain().push("  two", "n", "i").read()).toBe("event:n\nid:i\ndata:   two\n\n");
  });

  it("has one more space before each line of data that begins with one", () => {
    expect(plain().data("a\n b\r\n  c").read()).toBe("data:a\ndata:  b\ndata:   c\n");
  });

  it("keeps a space that is not the first", () => {
    expect(plain().data("a b ").read()).toBe("data:a b \n");
    expect(plain().data("\tb").read()).toBe("data:\tb\n");
  });

  it.each([
    ["LF", "a\nb", "data:a\ndata:b\n"],
    ["CR", "a\rb", "data:a\ndata:b\n"],
    ["CRLF", "a\r\nb", "data:a\ndata:b\n"],
    ["LFCR", "a\n\rb", "data:a\ndata:\ndata:b\n"],
    ["an empty line", "a\n\nb", "data:a\ndata:\ndata:b\n"],
    ["a trailing LF", "a\n", "data:a\ndata:\n"],
    ["a trailing CRLF", "a\r\n", "data:a\ndata:\n"],
    ["a leading LF", "\na", "data:\ndata:a\n"],
    ["nothing", "", "data:\n"],
  ])("has a data line for each line of data: %s", (_name, data, bytes) => {
    expect(plain().data(data).read()).toBe(bytes);
  });

  it("leaves line separators that are none in the protocol as they are", () => {
    const text = "a\u2028b\u2029c\u0085d\u000be\u000cf";
    expect(plain().push(text, text, text).read()).toBe(
      `event:${text}\nid:${text}\ndata:${text}\n\n`,
    );
  });

  it("has U+FFFD where a surrogate stands alone, and pairs untouched", () => {
    expect(plain().push("a\ud800b", "\udc00", "x\ud83d").read()).toBe(
      "event:\ufffd\nid:x\ufffd\ndata:a\ufffdb\n\n",
    );
    expect(plain().data("🎉").read()).toBe("data:🎉\n");
  });

  it("has an empty id field when asked for, which resets the client's", () => {
    expect(plain().push("x", "message", "").read()).toBe("id:\ndata:x\n\n");
    expect(plain().id().read()).toBe("id:\n");
  });

  it("gets an id of its own when none is given, short, unique and increasing", () => {
    const buffer = plain();
    for (let count = 0; count < 1000; count++) buffer.push("x");
    const ids = parseStream(buffer.read()).events.map(({ id }) => id ?? "");
    expect(ids).toHaveLength(1000);
    expect(new Set(ids).size).toBe(1000);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every((id) => /^[0-9a-z]{15}$/.test(id))).toBe(true);
  });
});

describe("the other lines of an event stream", () => {
  it("writes retry as a number and ends the block only on dispatch", () => {
    expect(plain().retry(2000).read()).toBe("retry:2000\n");
    expect(plain().retry(0).dispatch().read()).toBe("retry:0\n\n");
  });

  it("writes a comment as one colon line for each of its lines", () => {
    expect(plain().comment("hi").read()).toBe(":hi\n");
    expect(plain().comment().read()).toBe(":\n");
    expect(plain().comment("a\nb\r\nc\rd").read()).toBe(":a\n:b\n:c\n:d\n");
  });

  it("chains its methods and reads them back in call order", () => {
    const buffer = new EventBuffer({ serializer: String });
    const same = buffer.event("a").id("b").data("c").comment("d").retry(1).dispatch();
    expect(same).toBe(buffer);
    expect(buffer.read()).toBe("event:a\nid:b\ndata:c\n:d\nretry:1\n\n");
    expect(buffer.read()).toBe("event:a\nid:b\ndata:c\n:d\nretry:1\n\n");
    expect(buffer.clear()).toBe(buffer);
    expect(buffer.read()).toBe("");
    expect(buffer.push("again", "message", "1").read()).toBe("id:1\ndata:again\n\n");
  });

  it("is a client's view of what was written, beside one another", () => {
    const buffer = plain().retry(50).comment("note").push("one", "a", "1").push("two", "b", "2");
    expect(parseStream(buffer.read())).toEqual({
      events: [
        { event: "a", id: "1", data: "one" },
        { event: "b", id: "2", data: "two" },
      ],
      comments: ["note"],
      retries: [50],
      errors: [],
    });
  });
});
