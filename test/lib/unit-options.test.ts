import { describe, expect, it } from "vitest";
import { defaultEncoding } from "../../lib/encoding.ts";
import { SseError } from "../../lib/errors.ts";
import { type SessionOptions, settingsOf } from "../../lib/options.ts";

describe("the settings of a session", () => {
  it("are the documented defaults without options, and one object for all", () => {
    expect(settingsOf(undefined)).toEqual({
      retry: 2000,
      keepAlive: 10_000,
      writeTimeout: 30_000,
      maxBufferedBytes: 1_048_576,
      slowConsumer: 0,
      trustClientEventId: true,
      autoId: true,
      transport: "auto",
      encoding: defaultEncoding,
    });
    expect(settingsOf(undefined)).toBe(settingsOf(undefined));
    expect(settingsOf({})).toEqual(settingsOf(undefined));
  });

  it("take undefined for not given, null for never", () => {
    const undefineds = { retry: undefined, keepAlive: undefined, eventId: undefined };
    expect(settingsOf(undefineds)).toEqual(settingsOf(undefined));
    const never = settingsOf({ retry: null, keepAlive: null, writeTimeout: null, eventId: null });
    expect(never).toMatchObject({ retry: null, keepAlive: 0, writeTimeout: 0, autoId: false });
  });

  it("have whole ms, rounded up so that a short time is not never", () => {
    expect(settingsOf({ keepAlive: 0.2, writeTimeout: 1.5 })).toMatchObject({
      keepAlive: 1,
      writeTimeout: 2,
    });
  });

  it("number the slow-consumer policies as the engine does", () => {
    const policies = ["disconnect", "drop-oldest", "drop-newest"] as const;
    const numbers = policies.map((slowConsumer) => settingsOf({ slowConsumer }).slowConsumer);
    expect(numbers).toEqual([0, 1, 2]);
  });

  it("know JSON.stringify for the default, so that broadcasts stay shared", () => {
    expect(settingsOf({ serializer: JSON.stringify }).encoding).toBe(defaultEncoding);
    expect(settingsOf({ serializer: String }).encoding).not.toBe(defaultEncoding);
    expect(settingsOf({ sanitizer: String }).encoding).not.toBe(defaultEncoding);
  });

  it.each<[keyof SessionOptions, unknown, string]>([
    ["retry", 1.5, "retry is 1.5; it must be a whole number, 0 or more"],
    ["retry", Number.MAX_VALUE, "retry is 1.79"],
    ["keepAlive", 0, "keepAlive is 0; it must be a number of ms, more than 0"],
    ["keepAlive", 2 ** 31, "at most 2147483647, or null"],
    ["writeTimeout", "30s", 'writeTimeout is "30s"'],
    ["maxBufferedBytes", 0, "maxBufferedBytes is 0; it must be a whole number, 1 or more"],
    ["maxBufferedBytes", Number.POSITIVE_INFINITY, "maxBufferedBytes is Infinity"],
    ["slowConsumer", "wait", 'must be "disconnect" or "drop-oldest" or "drop-newest"'],
    ["slowConsumer", "toString", 'slowConsumer is "toString"'],
    ["eventId", "uuid", 'eventId is "uuid"; it must be "auto" or null'],
    ["transport", null, 'transport is null; it must be "auto" or "stream"'],
    ["trustClientEventId", "no", 'trustClientEventId is "no"; it must be true or false'],
    ["serializer", {}, "serializer is an object (Object); it must be a function"],
    ["sanitizer", null, "sanitizer is null; it must be a function"],
  ])("refuse %s: %s", (option, value, message) => {
    let error: unknown;
    try {
      settingsOf({ [option]: value });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SseError);
    expect(error).toMatchObject({ name: "SseError", code: "invalid-option" });
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).toMatch(/^stream-llm: /);
  });
});
