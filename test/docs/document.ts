import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { compileSnippets } from "./compile.ts";
import { isProgram, readBlocks } from "./markdown.ts";
import { Program, type ProgramOptions } from "./programs.ts";

/** Starts the program of a snippet, by default of the one that the case is about. */
export type Start = (options?: ProgramOptions & { name?: string }) => Program;

/** Runs the snippet and checks what a reader is told that it does. */
export type Case = (start: Start) => Promise<void>;

/** Tests a document: each `js`, `ts` and `tsx` block has a name and a case, and each case a block. */
export function testSnippets(file: string, cases: Record<string, Case>) {
  const blocks = readBlocks(file).filter(isProgram);
  let programs: string;

  beforeAll(() => {
    programs = compileSnippets(file, blocks);
  });

  describe(`the snippets of ${file}`, () => {
    test("have names, and cases that run them", () => {
      expect(blocks.map(({ name, line }) => name ?? `line ${line}`).sort()).toEqual(
        Object.keys(cases).sort(),
      );
    });

    for (const { name } of blocks) {
      const run = name === undefined ? undefined : cases[name];
      if (!run) continue;
      const start: Start = ({ name: other = name, ...options } = {}) =>
        new Program(join(programs, `${other}.js`), options);
      test(`${name}`, () => run(start));
    }
  });
}
