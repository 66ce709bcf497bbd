import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

/** Runs the self-test of a script, all of which has to be right. Returns what it says of each case. */
export function selfTest(script: string): string[] {
  const file = fileURLToPath(new URL(`../../scripts/${script}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, "--self-test"], {
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status, stdout).toBe(0);
  const lines = stdout.trim().split("\n");
  expect(lines.filter((line) => !line.startsWith("right: "))).toEqual([]);
  return lines;
}
