import { expect, test } from "vitest";
import { selfTest } from "../e2e/self-test.ts";

test("the checkers of the chaos run report what is lost, doubled or untold, and nothing else", () => {
  const lines = selfTest("chaos.mjs");
  expect(lines).toContain("right: nothing wrong: nothing reported");
  expect(lines).toContain("right: a lost event: it got all 2 where 1 should be");
  expect(lines).toContain("right: a gap that covers what lacks: nothing reported");
  expect(lines).toContain("right: a lost event after a gap: it got all 4 where 3 should be");
  expect(lines).toContain("right: a whole generation: nothing reported");
  expect(lines).toContain("right: a lost part: got part 2 where 1 should be");
  expect(lines).toContain("right: a doubled part: got part 0 where 1 should be");
  expect(lines).toContain("right: parts out of order: got part 1 where 0 should be");
  expect(lines).toContain("right: a watcher that is never told: was never told of an end");
  expect(lines).toContain("right: a loss that is told late: was told after 16001 ms");
  expect(lines).toContain("right: a run that hit no producer: no generation lost its server");
});
