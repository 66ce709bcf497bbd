import { describe, expect, it } from "vitest";
import { lastEventIdOf } from "../../lib/last-event-id.ts";

const asHeader = (text: string) => Buffer.from(text, "utf8").toString("latin1");
const query = (text: string) => new URLSearchParams(text);

describe("lastEventIdOf()", () => {
  it("is empty when the client says nothing", () => {
    expect(lastEventIdOf(null, undefined)).toBe("");
    expect(lastEventIdOf(null, query("other=1"))).toBe("");
  });

  it("takes the header before the query, even an empty one", () => {
    expect(lastEventIdOf("h", query("lastEventId=q"))).toBe("h");
    expect(lastEventIdOf("", query("lastEventId=q"))).toBe("");
    expect(lastEventIdOf(null, query("evs_last_event_id=e&lastEventId=q"))).toBe("q");
    expect(lastEventIdOf(null, query("evs_last_event_id=e"))).toBe("e");
  });

  it("reads header bytes as UTF-8", () => {
    expect(lastEventIdOf(asHeader("é-🎉"), undefined)).toBe("é-🎉");
  });

  it("keeps a header that is not UTF-8, or decoded already, as it came", () => {
    expect(lastEventIdOf("caf\xe9", undefined)).toBe("caf\xe9");
    expect(lastEventIdOf("é-🎉", undefined)).toBe("é-🎉");
  });

  it("does not take characters that UTF-8 hides for harmless ones", () => {
    // U+0085 is no line end in event streams; overlong NUL is no UTF-8.
    expect(lastEventIdOf(asHeader("a\u0085b"), undefined)).toBe("a\u0085b");
    expect(lastEventIdOf("a\xc0\x80b", undefined)).toBe("a\xc0\x80b");
  });

  it.each(["\0", "\t", "\n", "\r", "\x1b", "\x1f", "\x7f"])("is empty for one with %j", (bad) => {
    expect(lastEventIdOf(`a${bad}b`, undefined)).toBe("");
    expect(lastEventIdOf(null, query(`lastEventId=${encodeURIComponent(`a${bad}b`)}`))).toBe("");
  });

  it("takes 1024 characters and no more", () => {
    expect(lastEventIdOf("x".repeat(1024), undefined)).toHaveLength(1024);
    expect(lastEventIdOf("x".repeat(1025), undefined)).toBe("");
    expect(lastEventIdOf(asHeader("é".repeat(1024)), undefined)).toHaveLength(1024);
  });
});
