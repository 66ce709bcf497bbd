import { afterEach, describe, expect, it, vi } from "vitest";
import { autoId } from "../../lib/auto-id.ts";

afterEach(() => void vi.restoreAllMocks());

describe("autoId()", () => {
  it("has 15 characters that need no escaping anywhere", () => {
    for (let count = 0; count < 1000; count++) expect(autoId()).toMatch(/^[0-9a-z]{15}$/);
  });

  it("is unique and increases as text, also within a millisecond", () => {
    const ids = Array.from({ length: 200_000 }, autoId);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });

  it("ends alike within a process, which tells processes apart", () => {
    expect(autoId().slice(-4)).toBe(autoId().slice(-4));
  });

  it("says when it was made, by a clock that is not set", () => {
    const now = performance.now() + 60_000;
    vi.spyOn(performance, "now").mockReturnValue(now);
    const made = Math.floor(performance.timeOrigin + now);
    const first = autoId();
    expect(Math.floor(Number.parseInt(first.slice(0, 11), 36) / 1024)).toBe(made);
    for (const jump of [-3_600_000, 3_600_000]) {
      vi.spyOn(Date, "now").mockReturnValue(made + jump);
      const second = autoId();
      expect(second > first).toBe(true);
      expect(Math.floor(Number.parseInt(second.slice(0, 11), 36) / 1024)).toBe(made);
    }
  });
});
