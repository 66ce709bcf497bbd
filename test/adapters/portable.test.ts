import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const lib = fileURLToPath(new URL("../../lib/", import.meta.url));

/** Everything that a module imports, its own modules' imports included. */
function imports(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, name] of readFileSync(file, "utf8").matchAll(/(?:from|import) "([^"]+)"/g)) {
    if (name?.startsWith(".")) imports(resolve(dirname(file), name.replace(/\.js$/, ".ts")), seen);
    else if (name) seen.add(name);
  }
  return seen;
}

it.each(["adapters", "streaming"])(
  "lib/%s needs no Node and no addon: browsers bundle it",
  (folder) => {
    const all = [...imports(`${lib}${folder}/index.ts`)];
    const packages = all.filter((name) => !name.startsWith("/"));
    expect(packages).toEqual(folder === "adapters" ? ["eventsource-parser"] : []);
    const files = all.filter((name) => name.startsWith("/")).map((name) => name.slice(lib.length));
    expect(files.filter((name) => !/^(adapters|streaming)\/|^errors\.ts$/.test(name))).toEqual([]);
  },
);
