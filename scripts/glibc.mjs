import { readFileSync } from "node:fs";

/** The highest glibc 2.x version that a Linux binary asks for, as x; 0 when it asks for none. */
export function glibcNeeded(file) {
  const versions = readFileSync(file)
    .toString("latin1")
    .matchAll(/GLIBC_2\.(\d+)/g);
  return Math.max(0, ...Array.from(versions, (match) => Number(match[1])));
}

/** Released binaries run on glibc 2.28 and later: what Node 20 itself needs. */
export const newestGlibcAllowed = 28;
