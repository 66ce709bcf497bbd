import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createEventBuffer, createResponse } from "../../lib/index.ts";
import { anyData, anyEvent, asSeen, type Sent } from "../e2e/arbitraries.ts";
import { parseStream, sessionOptions, within } from "../e2e/harness.ts";

function written(events: readonly Sent[]): string {
  const buffer = createEventBuffer({ serializer: String });
  for (const { data, event, id } of events) buffer.push(data, event, id);
  return buffer.read();
}

describe("random events written by the engine", () => {
  it("are read back equal, fed whole", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 8 }), (events) => {
        const parsed = parseStream(written(events));
        expect(parsed).toEqual({
          events: events.map(asSeen),
          comments: [],
          retries: [],
          errors: [],
        });
      }),
      { numRuns: 2000 },
    );
  }, 60_000);

  it("are read back equal, fed byte by byte", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 4 }), (events) => {
        const parsed = parseStream(written(events), 1);
        expect(parsed.events).toEqual(events.map(asSeen));
        expect(parsed.errors).toEqual([]);
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  it("are read back equal, fed in pieces of any size", () => {
    fc.assert(
      fc.property(
        fc.array(anyEvent, { maxLength: 4 }),
        fc.integer({ min: 1, max: 40 }),
        (events, step) => {
          expect(parseStream(written(events), step).events).toEqual(events.map(asSeen));
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);

  it("are the same whether written field by field or at once", () => {
    fc.assert(
      fc.property(anyEvent, ({ data, event, id }) => {
        const one = createEventBuffer({ serializer: String });
        one.event(event).id(id).data(data).dispatch();
        expect(parseStream(one.read()).events).toEqual([asSeen({ data, event, id })]);
      }),
      { numRuns: 300 },
    );
  });

  it("carry any JSON value unchanged", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false } as object), (value) => {
        const bytes = createEventBuffer().push(value, "message", "1").read();
        const [event] = parseStream(bytes).events;
        expect(JSON.parse(event?.data ?? "")).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
  });

  it.each([1, 65_536, Number.POSITIVE_INFINITY])(
    "survive a size of 1 MiB, fed %d at a time",
    (step) => {
      const size = 1 << 20;
      const data = ` a\né🎉\r\n${"0123456789abcde\n".repeat(size / 16)}`.slice(0, size);
      const bytes = written([{ data, event: "large", id: "1" }]);
      const { events, errors } = parseStream(bytes, step);
      expect(errors).toEqual([]);
      expect(events).toHaveLength(1);
      expect(events[0]?.data === asSeen({ data, event: "large", id: "1" }).data).toBe(true);
    },
  );
});

describe("random comments", () => {
  it("never become an event or a field", () => {
    fc.assert(
      fc.property(anyData, (text) => {
        const bytes = createEventBuffer().comment(text).push(1, "after", "1").read();
        const { events, errors, retries, comments } = parseStream(bytes);
        expect(events).toEqual([{ event: "after", id: "1", data: "1" }]);
        expect({ errors, retries }).toEqual({ errors: [], retries: [] });
        expect(comments).toHaveLength(text.split(/\r\n|\r|\n/).length);
      }),
      { numRuns: 500 },
    );
  });
});

describe("random events pushed through a session", () => {
  it("are what the body of its Response holds", async () => {
    const check = fc.asyncProperty(fc.array(anyEvent, { maxLength: 8 }), async (events) => {
      const options = sessionOptions({ serializer: String, retry: null });
      const request = new Request("http://localhost/");
      const response = createResponse(request, options, (session) => {
        for (const { data, event, id } of events) session.push(data, event, id);
        void session.close();
      });
      const body = new Uint8Array(await within(response.arrayBuffer(), "whole body"));
      expect(parseStream(body).events).toEqual(events.map(asSeen));
    });
    await fc.assert(check, { numRuns: 300 });
  }, 60_000);
});
