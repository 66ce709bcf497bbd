import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const script = fileURLToPath(new URL("../../scripts/chaos.mjs", import.meta.url));

test("the checker of the chaos run reports lost, doubled and untold events, and nothing else", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, "--self-test"], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status, stdout).toBe(0);
  const lines = stdout.trim().split("\n");
  expect(lines).toContain("right: nothing wrong: nothing reported");
  expect(lines).toContain("right: a lost event: it got all 2 where 1 should be");
  expect(lines).toContain("right: a gap that covers what lacks: nothing reported");
  expect(lines).toContain("right: a lost event after a gap: it got all 4 where 3 should be");
  expect(lines.every((line) => line.startsWith("right: "))).toBe(true);
});
