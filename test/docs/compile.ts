import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { compose } from "./contexts.ts";
import { type Block, root } from "./markdown.ts";

const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin/tsc");

const compilerOptions = {
  target: "ES2023",
  lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable"],
  module: "NodeNext",
  types: ["node"],
  strict: true,
  skipLibCheck: true,
  rootDir: ".",
  outDir: "out",
};

/** JavaScript has no place for the types that strict checks ask for; wrong names and arguments are found all the same. */
const passes = {
  ts: { include: ["*.ts"], compilerOptions },
  tsx: { include: ["*.tsx"], compilerOptions: { ...compilerOptions, jsx: "react-jsx" } },
  js: {
    include: ["*.js", "runtimes.d.ts"],
    compilerOptions: { ...compilerOptions, strict: false, allowJs: true, checkJs: true },
  },
};

/** What the other runtimes' snippets use of them. */
const runtimes = `type Handler = (request: Request) => Response;
declare const Bun: { serve(options: { port: number; idleTimeout: number; fetch: Handler }): void };
declare const Deno: { serve(options: { port: number }, handler: Handler): void };
`;

/** @throws {Error} with what the compiler says. */
function compile(folder: string, language: keyof typeof passes) {
  const config = join(folder, `tsconfig.${language}.json`);
  writeFileSync(config, JSON.stringify(passes[language]));
  try {
    execFileSync(process.execPath, [tsc, "-p", config, "--pretty", "false"], { encoding: "utf8" });
  } catch (error) {
    throw new Error(`Snippets do not compile:\n${(error as { stdout: string }).stdout}`);
  }
}

const folderOf = (file: string) =>
  fileURLToPath(new URL(`test-artifacts/snippets/${file.replaceAll(/\W+/g, "-")}`, root));

/** The path of a snippet's program, for what is to be bundled for a browser. */
export const compiledSnippet = (file: string, name: string) =>
  join(folderOf(file), "out", `${name}.js`);

/**
 * Writes each snippet's program into `test-artifacts/`, where the package's own name resolves as it
 * does for a reader, checks its types and compiles it. Returns the folder of the programs.
 */
export function compileSnippets(file: string, blocks: Block[]): string {
  const folder = folderOf(file);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "runtimes.d.ts"), runtimes);
  for (const block of blocks) {
    const name = block.name ?? `line-${block.line}`;
    writeFileSync(join(folder, `${name}.${block.language}`), compose(block));
  }
  const languages = new Set(blocks.map(({ language }) => language as keyof typeof passes));
  for (const language of languages) compile(folder, language);
  return join(folder, "out");
}
