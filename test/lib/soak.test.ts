import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const script = fileURLToPath(new URL("../../scripts/soak.mjs", import.meta.url));

describe("the checker of the soak", () => {
  test("reports lost, doubled and crossed events, and nothing else", () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, "--self-test"], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status, stdout).toBe(0);
    const lines = stdout.trim().split("\n");
    expect(lines).toContain("right: nothing wrong: nothing reported");
    expect(lines).toContain("right: a lost event: mine got own 2 where 1 should be");
    expect(lines).toContain("right: a doubled event: mine got own 1 where 2 should be");
    expect(lines).toContain("right: a crossed event: mine got what is theirs's");
    expect(lines.every((line) => line.startsWith("right: "))).toBe(true);
  });
});
