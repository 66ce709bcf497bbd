import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { prebuilds } from "../../lib/prebuilds.ts";
import { currentTarget } from "../../lib/target.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const target = currentTarget();
const realBinary =
  process.env.STREAM_LLM_BINARY ?? join(repository, "prebuilds", target, "stream-llm.node");

/** An installed package with the compiled library and no binary. */
let installed: string;

beforeEach(() => {
  installed = mkdtempSync(join(tmpdir(), "stream-llm-native-"));
  cpSync(join(repository, "dist"), join(installed, "dist"), { recursive: true });
  writeFileSync(join(installed, "package.json"), '{"type":"module"}');
});

afterEach(() => rmSync(installed, { recursive: true, force: true }));

const binaryOf = (name: string) => join(installed, "prebuilds", name, "stream-llm.node");

function placeBinary(name: string, contents?: string): string {
  mkdirSync(dirname(binaryOf(name)), { recursive: true });
  if (contents === undefined) cpSync(realBinary, binaryOf(name));
  else writeFileSync(binaryOf(name), contents);
  return binaryOf(name);
}

/** Runs a module in a Node of its own, where LOADER is the URL of the loader; what it prints. */
function run(code: string, env: NodeJS.ProcessEnv = {}) {
  const loader = JSON.stringify(pathToFileURL(join(installed, "dist", "native.js")).href);
  const args = ["--input-type=module", "-e", code.replaceAll("LOADER", loader)];
  const environment = { ...process.env, STREAM_LLM_BINARY: "", ...env };
  const child = spawnSync(process.execPath, args, { encoding: "utf8", env: environment });
  expect(child.stderr).toBe("");
  expect(child.status).toBe(0);
  return child.stdout;
}

function loadError(env: NodeJS.ProcessEnv = {}, before = "") {
  const code = `${before}; await import(LOADER).then(
    () => console.log("null"),
    ({ name, code, message, cause }) =>
      console.log(JSON.stringify({ name, code, message, cause: cause?.message })),
  );`;
  return JSON.parse(run(code, env));
}

/** Code that uses the addon for what it is there for. */
const use = `const use = ({ native }) => {
  const buffer = new native.EventBuffer();
  buffer.push("hi", undefined, undefined);
  return buffer.read();
};`;
const printUse = `${use} console.log(use(await import(LOADER)))`;

describe("a missing binary", () => {
  test("names the platform, the file looked for and the command that builds it", () => {
    const error = loadError();

    expect(error).toMatchObject({ name: "SseError", code: "native-not-found" });
    expect(error.message).toContain(target);
    expect(error.message).toContain(binaryOf(target));
    expect(error.message).toContain("npx stream-llm-build");
  });

  test("is blamed on STREAM_LLM_BINARY when that names it", () => {
    const file = join(installed, "absent.node");
    const error = loadError({ STREAM_LLM_BINARY: file });

    expect(error.code).toBe("native-not-found");
    expect(error.message).toContain("STREAM_LLM_BINARY");
    expect(error.message).toContain(file);
  });
});

test("a bundle of CommonJS, where modules have no URL, is told to keep the package external", () => {
  // What esbuild makes of import.meta there.
  for (const name of ["native.js", "prebuilds.js"]) {
    const file = join(installed, "dist", name);
    const code = readFileSync(file, "utf8").replaceAll("import.meta", "import_meta");
    writeFileSync(file, `const import_meta = {};\n${code}`);
  }
  const error = loadError();
  expect(error).toMatchObject({ name: "SseError", code: "native-not-found" });
  expect(error.message).toMatch(/bundler.*external.*STREAM_LLM_BINARY/);

  expect(loadError({ STREAM_LLM_BINARY: realBinary })).toBeNull();
});

test("a broken binary is reported with the system's reason and the command that rebuilds it", () => {
  const file = placeBinary(target, "this is not a shared library, whatever its name says");
  const error = loadError();

  expect(error).toMatchObject({ name: "SseError", code: "native-load-failed" });
  expect(error.message).toContain(file);
  expect(error.cause).not.toBe("");
  expect(error.message).toContain(error.cause);
  expect(error.message).toContain("npx stream-llm-build");
});

describe("an intact binary", () => {
  test("is loaded from prebuilds/", () => {
    placeBinary(target);
    expect(run(printUse)).toContain("data:hi\n");
  });

  test("is loaded from STREAM_LLM_BINARY first", () => {
    placeBinary(target, "broken");
    expect(run(printUse, { STREAM_LLM_BINARY: realBinary })).toContain("data:hi\n");
  });

  test("loads twice in one process, and in workers beside the main thread", () => {
    placeBinary(target);
    const worker = join(installed, "worker.js");
    writeFileSync(
      worker,
      `import { parentPort } from "node:worker_threads";
      ${use}
      parentPort.postMessage(use(await import("./dist/native.js")));`,
    );
    const code = `import { once } from "node:events";
      import { Worker } from "node:worker_threads";
      ${use}
      const inWorker = async () =>
        (await once(new Worker(${JSON.stringify(worker)}, { execArgv: [] }), "message"))[0];
      const first = use(await import(LOADER));
      const again = use(await import(LOADER + "?again"));
      console.log(JSON.stringify([first, again, ...await Promise.all([inWorker(), inWorker()])]));`;
    const texts = JSON.parse(run(code));

    expect(texts).toHaveLength(4);
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]).toContain("data:hi\n");
  });
});

describe("the platform", () => {
  const onFreeBsd = "Object.defineProperty(process, 'platform', { value: 'freebsd' })";

  test("without a released binary finds the one that stream-llm-build has made", () => {
    const name = `freebsd-${process.arch}`;
    expect(loadError({}, onFreeBsd).message).toContain(binaryOf(name));

    placeBinary(name);
    expect(loadError({}, onFreeBsd)).toBeNull();
  });

  test.runIf(process.platform === "linux")("is musl when Node reports no glibc", () => {
    const onMusl = "process.report.getReport = () => ({ header: {} })";
    expect(loadError({}, onMusl).message).toContain(binaryOf(`linux-${process.arch}-musl`));
  });

  test("is found without changing the application's report settings", () => {
    placeBinary(target);
    const code = `process.report.excludeNetwork = false; await import(LOADER);
      console.log(process.report.excludeNetwork)`;
    expect(run(code)).toBe("false\n");
  });

  test("has its literal in the list of released binaries", () => {
    for (const [name, url] of Object.entries(prebuilds)) {
      expect(url().href).toBe(
        new URL(`../../prebuilds/${name}/stream-llm.node`, import.meta.url).href,
      );
    }
  });
});
