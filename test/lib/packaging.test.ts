import { spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { prebuilds } from "../../lib/prebuilds.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const released = Object.keys(prebuilds);

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "stream-llm-pack-"));
  cpSync(join(repository, "dist"), join(root, "dist"), { recursive: true });
  writeFileSync(join(root, "package.json"), '{"type":"module"}');
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function place(targets: string[], contents = "GLIBC_2.17") {
  for (const target of targets) {
    mkdirSync(join(root, "prebuilds", target), { recursive: true });
    writeFileSync(join(root, "prebuilds", target, "stream-llm.node"), contents);
  }
}

function node(script: string, args: string[], env: NodeJS.ProcessEnv) {
  return spawnSync(process.execPath, [join(repository, script), ...args], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
}

const checkPack = (npmCommand: string) =>
  node("scripts/check-pack.mjs", [root], { npm_command: npmCommand });

const literals = () =>
  Array.from(
    readFileSync(join(root, "dist", "prebuilds.js"), "utf8").matchAll(
      /new URL\("\.\.\/prebuilds\/([^/]+)/g,
    ),
    (match) => match[1],
  );

describe("npm pack", () => {
  test("leaves only literals whose binary is in the tarball", () => {
    place(["linux-x64", "linux-arm64-musl"]);
    expect(checkPack("pack")).toMatchObject({ status: 0 });
    expect(literals()).toEqual(["linux-x64", "linux-arm64-musl"]);
  });

  test("refuses a tarball without any binary", () => {
    const { status, stderr } = checkPack("pack");
    expect(status).toBe(1);
    expect(stderr).toContain("npm run build:native");
  });
});

describe("npm publish", () => {
  test("accepts exactly the released targets", () => {
    place(released);
    expect(checkPack("publish")).toMatchObject({ status: 0, stderr: "" });
    expect(literals()).toEqual(released);
  });

  test("refuses when a listed binary is missing", () => {
    place(released.filter((target) => target !== "linux-arm64"));
    const { status, stderr } = checkPack("publish");
    expect(status).toBe(1);
    expect(stderr).toContain("linux-arm64");
  });

  test("refuses a binary that is not listed", () => {
    place([...released, "freebsd-x64"]);
    const { status, stderr } = checkPack("publish");
    expect(status).toBe(1);
    expect(stderr).toContain("freebsd-x64");
  });

  test("refuses a Linux binary that asks for a newer glibc than Node 20 does", () => {
    place(released);
    place(["linux-x64"], "GLIBC_2.17 GLIBC_2.36");
    const { status, stderr } = checkPack("publish");
    expect(status).toBe(1);
    expect(stderr).toContain("linux-x64 asks for glibc 2.36");
  });
});

describe.each(["pack", "publish"])("npm %s", (command) => {
  test.each(["\0__assert_fail\0", "\0___assert_rtn\0"])(
    "refuses a development build, which has %j",
    (symbol) => {
      place(released);
      place(["linux-x64"], symbol);
      const { status, stderr } = checkPack(command);
      expect(status).toBe(1);
      expect(stderr).toBe("check-pack: linux-x64 is a development build: npm run build:native\n");
    },
  );
});

describe.each([
  "stream-llm",
  "stream-llm/adapters",
  "stream-llm/client",
  "stream-llm/react",
  "stream-llm/redis",
  "stream-llm/streaming",
  "stream-llm/websocket",
])("%s", (name) => {
  test("can be required by CommonJS, as the README says", () => {
    const code = `console.log(Object.keys(require("${name}")).length > 0)`;
    const args = ["--input-type=commonjs", "-e", code];
    const child = spawnSync(process.execPath, args, { cwd: repository, encoding: "utf8" });
    expect(child).toMatchObject({ status: 0, stdout: "true\n" });
  });
});

describe("without the optional peers", () => {
  const imported = (entry: string) => {
    const name = "eventsource-parser";
    mkdirSync(join(root, "node_modules"));
    symlinkSync(join(repository, "node_modules", name), join(root, "node_modules", name));
    symlinkSync(join(repository, "prebuilds"), join(root, "prebuilds"));
    const args = ["--input-type=module", "-e", `await import("./dist/${entry}.js")`];
    return spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  };

  test.each([
    "index",
    "adapters/server",
    "client/index",
    "redis/index",
    "streaming/server",
    "websocket/index",
  ])("%s can be imported", (entry) => {
    expect(imported(entry)).toMatchObject({ status: 0, stderr: "" });
  });

  test("the hooks say that they need React", () => {
    expect(imported("react/index").stderr).toContain("Cannot find package 'react'");
  });
});

describe("the tarball", () => {
  test("has every page that the README and the pages link to", () => {
    const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: repository,
      encoding: "utf8",
    });
    const packed = JSON.parse(stdout)[0].files.map(({ path }: { path: string }) => path);
    const pages = ["README.md", ...packed.filter((path: string) => path.startsWith("docs/"))];
    expect(pages.length).toBeGreaterThan(3);
    for (const page of pages) {
      const text = readFileSync(join(repository, page), "utf8");
      for (const [, link = ""] of text.matchAll(/\]\(([^)#]+)/g)) {
        if (/^https?:/.test(link) || !link.endsWith(".md")) continue;
        expect(packed, `${page}: ${link}`).toContain(join(dirname(page), link));
      }
    }
  });

  test("says where its repository is, which npm's page resolves links by", () => {
    const {
      homepage,
      repository: source,
      bugs,
    } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    for (const address of [homepage, source.url, bugs]) {
      expect(address).toContain("https://github.com/stream-llm/stream-llm");
    }
  });
});

describe("stream-llm-build", () => {
  test("says how to install CMake when it is missing", () => {
    const { status, stderr } = node("bin/stream-llm-build.js", [], { PATH: root, Path: root });
    expect(status).toBe(1);
    expect(stderr).toContain("CMake is missing");
    expect(stderr).toMatch(/apt-get install|brew install|winget install/);
  });

  test("says how to install a compiler when CMake cannot configure", () => {
    writeFileSync(
      join(root, "cmake"),
      `#!/bin/sh
case $1 in
  --version) echo "cmake version 3.25.1" ;;
  *) echo "No CMAKE_CXX_COMPILER could be found." >&2; exit 1 ;;
esac
`,
      { mode: 0o755 },
    );
    const { status, stderr } = node("bin/stream-llm-build.js", [], { PATH: root });
    expect(status).toBe(1);
    expect(stderr).toContain("No CMAKE_CXX_COMPILER could be found.");
    expect(stderr).toMatch(/C\+\+20 compiler; .*\n.*(apt-get install.*g\+\+|xcode-select)/);
  });

  test("rejects an unknown option with its usage", () => {
    const { status, stderr } = node("bin/stream-llm-build.js", ["--fast"], {});
    expect(status).toBe(1);
    expect(stderr).toContain("'--fast'");
    expect(stderr).toContain("Usage: stream-llm-build");
  });

  test.each(["--help", "-h"])("prints its usage for %s", (option) => {
    const { status, stdout, stderr } = node("bin/stream-llm-build.js", [option], { PATH: root });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^Usage: stream-llm-build \[--preset NAME\]\n/);
  });
});
