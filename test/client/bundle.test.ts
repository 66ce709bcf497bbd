import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const root = new URL("../../", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));

/** What browsers get of a subpath, bundled with the given names of what it exports, or all. */
async function bundle(subpath: string, names = "*") {
  const { browser, default: any } = exports[subpath];
  const entry = (browser?.default ?? any).replace("./dist/", "lib/").replace(/\.js$/, ".ts");
  const file = fileURLToPath(new URL(entry, root));
  expect(existsSync(file), `${file}, which package.json exports as ${subpath}`).toBe(true);
  const contents = `export ${names} from ${JSON.stringify(file)};`;
  // A Node built-in is an error here, as "browser" has none.
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: fileURLToPath(root) },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    external: ["react", "react/*"],
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const { text = "" } = outputFiles[0] ?? {};
  const outputs = Object.values(metafile.outputs);
  return {
    text,
    bytes: gzipSync(text, { level: 9 }).length,
    inputs: Object.keys(metafile.inputs).filter((file) => file !== "<stdin>"),
    imports: outputs.flatMap(({ imports }) => imports.map(({ path }) => path)),
    names: outputs.flatMap(({ exports }) => exports),
  };
}

const forBrowsers = /^lib\/((client|react|streaming|adapters)\/|errors\.ts$)/;

describe.each([
  { subpath: "./client", limit: 8000, names: ["SseError", "openEventStream"], external: [] },
  {
    subpath: "./react",
    limit: 10_000,
    names: ["useChannel", "useSSEStream", "useStreamingChat"],
    external: ["react"],
  },
])("$subpath", ({ subpath, limit, names, external }) => {
  it(`has at most ${limit} bytes, minified and gzipped, with all that it exports`, async () => {
    const { bytes, names: exported } = await bundle(subpath);
    expect(exported).toEqual(expect.arrayContaining(names));
    expect(bytes).toBeLessThanOrEqual(limit);
  });

  it("has nothing of Node, and nothing native", async () => {
    const { text, inputs, imports } = await bundle(subpath);
    expect([...new Set(imports)]).toEqual(external);
    expect(inputs.filter((file) => !forBrowsers.test(file))).toEqual([]);
    expect(text).not.toMatch(/\bprocess\b|\bBuffer\b|\bnode:|dlopen|\brequire\(/);
  });
});

describe("who imports one thing", () => {
  it.each([
    { name: "openEventStream", limit: 3700 },
    { name: "AIStream", limit: 7000 },
  ])("pays for $name only: at most $limit bytes", async ({ name, limit }) => {
    const { bytes, names } = await bundle("./client", `{ ${name} }`);
    expect(names).toEqual([name]);
    expect(bytes).toBeLessThanOrEqual(limit);
  });
});
