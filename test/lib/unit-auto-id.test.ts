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

  it("says when it was made", () => {
    const before = Date.now() + 60_000;
    vi.spyOn(Date, "now").mockReturnValue(before);
    const ms = Number.parseInt(autoId().slice(0, 11), 36) / 1024;
    expect(Math.floor(ms)).toBe(before);
  });

  it("still increases when the clock goes back", () => {
    const first = autoId();
    vi.spyOn(Date, "now").mockReturnValue(0);
    expect(autoId() > first).toBe(true);
  });
});
