import { expect, test } from "vitest";
import { selfTest } from "../e2e/self-test.ts";

test("the checker of the soak reports lost, doubled and crossed events, and nothing else", () => {
  const lines = selfTest("soak.mjs");
  expect(lines).toContain("right: nothing wrong: nothing reported");
  expect(lines).toContain("right: a lost event: mine got own 2 where 1 should be");
  expect(lines).toContain("right: a doubled event: mine got own 1 where 2 should be");
  expect(lines).toContain("right: a crossed event: mine got what is theirs's");
});
