import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { createEventBuffer, EventBuffer, SseError } from "../../lib/index.ts";

describe("an event buffer", () => {
  it("writes fields in call order, and an event by push", () => {
    const buffer = createEventBuffer();
    buffer.event("e").id("1").data({ a: 1 }).retry(5).comment("c").dispatch();
    buffer.push("x", "name", "2").push("y", "message", "3");
    expect(buffer.read()).toBe(
      'event:e\nid:1\ndata:{"a":1}\nretry:5\n:c\n\nevent:name\nid:2\ndata:"x"\n\nid:3\ndata:"y"\n\n',
    );
    expect(buffer).toBeInstanceOf(EventBuffer);
  });

  it("keeps what it has when read, and forgets it when cleared", () => {
    const buffer = createEventBuffer().push(1, "message", "1");
    expect(buffer.read()).toBe(buffer.read());
    expect(buffer.clear().read()).toBe("");
    expect(buffer.push(2, "message", "2").read()).toBe("id:2\ndata:2\n\n");
  });

  it("writes an id into each event, unless told not to", () => {
    expect(createEventBuffer().push(1).read()).toMatch(/^id:[0-9a-z]{15}\ndata:1\n\n$/);
    const without = createEventBuffer({ eventId: null });
    expect(without.push(1).push(2, "message", "own").read()).toBe("data:1\n\nid:own\ndata:2\n\n");
  });

  it("writes nothing of an event whose data, name or id is refused", () => {
    const buffer = createEventBuffer();
    for (const write of [
      () => buffer.push(undefined),
      () => buffer.push(1n),
      () => buffer.push(1, 2 as never),
      () => buffer.push(1, "name", 3 as never),
      () => buffer.comment(4 as never),
      () => buffer.retry(-1),
    ]) {
      expect(write).toThrow();
      expect(buffer.read()).toBe("");
    }
  });

  it("has an error at its own options", () => {
    expect(() => createEventBuffer({ serializer: 1 as never })).toThrow(SseError);
    expect(() => createEventBuffer({ eventId: "uuid" as never })).toThrow(/eventId is "uuid"/);
  });

  it("lets the sanitizer see every field, the name that is not written too", () => {
    const seen: string[] = [];
    const sanitizer = (text: string) => {
      seen.push(text);
      return text === "hide" ? "message" : text;
    };
    const buffer = createEventBuffer({ sanitizer, serializer: String });
    buffer.push("d", "message", "i").push("d", "hide", "j").comment("c");
    expect(seen).toEqual(["message", "d", "i", "hide", "d", "j", "c"]);
    expect(buffer.read()).toBe("id:i\ndata:d\n\nid:j\ndata:d\n\n:c\n");
  });

  it("takes streams and iterables whole, with names and transforms", async () => {
    const buffer = createEventBuffer({ eventId: null });
    await expect(buffer.stream(Readable.from([1, 2]))).resolves.toBe(true);
    await buffer.iterate([3, Promise.resolve(4)], { eventName: "n", transform: (n) => n * 2 });
    expect(buffer.read()).toBe(
      "event:stream\ndata:1\n\nevent:stream\ndata:2\n\nevent:n\ndata:6\n\nevent:n\ndata:8\n\n",
    );
  });

  it("has methods that work when taken off it, and can be replaced on one buffer", () => {
    const buffer = createEventBuffer();
    const { push, read, clear, id } = buffer;
    id("1");
    push(1, "message", "2");
    expect(read()).toBe("id:1\nid:2\ndata:1\n\n");
    clear();
    expect(buffer.push).toBe(buffer.push);
    buffer.read = () => "replaced";
    expect(buffer.read()).toBe("replaced");
    expect(createEventBuffer().read()).toBe("");
  });

  it("can be extended", () => {
    class Shouting extends EventBuffer {
      override data(data: unknown): this {
        return super.data(String(data).toUpperCase());
      }
    }
    expect(new Shouting().data("loud").dispatch().read()).toBe('data:"LOUD"\n\n');
  });
});
