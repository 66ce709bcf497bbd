import { readFileSync } from "node:fs";

/** A fenced block of a document. */
export interface Block {
  /** The document's path from the repository's root. */
  file: string;
  /** The line of the opening fence, from 1. */
  line: number;
  language: string;
  code: string;
  /** From the HTML comment right above the fence: `<!-- snippet: NAME -->`. */
  name: string | undefined;
  /** `<!-- snippet: NAME, in: CONTEXT -->`: the surroundings that the snippet takes for granted. */
  context: string | undefined;
}

export const root = new URL("../../", import.meta.url);

const fence = /^```(\S*)$/;
const label = /^<!-- snippet: ([\w-]+)(?:, in: ([\w-]+))? -->$/;

/** All fenced blocks of a document, in their order. */
export function readBlocks(file: string): Block[] {
  const lines = readFileSync(new URL(file, root), "utf8").split("\n");
  const blocks: Block[] = [];
  let open: Block | undefined;
  let body: string[] = [];
  let labelled: RegExpExecArray | null = null;

  for (const [index, line] of lines.entries()) {
    if (open) {
      if (line !== "```") {
        body.push(line);
        continue;
      }
      blocks.push({ ...open, code: `${body.join("\n")}\n` });
      open = undefined;
      labelled = null;
      continue;
    }
    const opening = fence.exec(line);
    if (opening) {
      const language = opening[1] ?? "";
      open = {
        file,
        line: index + 1,
        language,
        code: "",
        name: labelled?.[1],
        context: labelled?.[2],
      };
      body = [];
    } else if (line.trim() !== "") {
      labelled = label.exec(line);
    }
  }
  if (open) throw new Error(`${file}:${open.line}: a block that does not end`);
  return blocks;
}

/** The blocks that a computer runs. */
export const isProgram = ({ language }: Block) => ["js", "ts", "tsx"].includes(language);

const cells = (line: string) =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

/** The cells of each line of the table whose head line has these cells. */
export function readTable(file: string, head: string[]): string[][] {
  const lines = readFileSync(new URL(file, root), "utf8").split("\n");
  const start = lines.findIndex((line) => cells(line).join("|") === head.join("|"));
  if (start < 0) throw new Error(`${file} has no table of ${head.join(", ")}`);
  const rest = lines.slice(start + 2); // below the rule
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(0, end).map(cells);
}
