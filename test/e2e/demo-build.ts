import { execFileSync } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const example = join(root, "examples/chat");
const page = join(example, "dist/index.html");
const lock = join(
  tmpdir(),
  `stream-llm-demo-build-${Buffer.from(root).toString("hex").slice(-40)}`,
);

/** What the page is built from: its own files, and the package's as they are published. */
function sources(): string[] {
  const folders = [join(example, "web"), join(example, "types"), join(root, "dist")];
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => !name.endsWith(".d.ts"))
      .map((name) => join(folder, name)),
  );
  return [...files, join(example, "vite.config.js")];
}

function isBuilt(): boolean {
  if (!existsSync(page)) return false;
  const builtAt = statSync(page).mtimeMs;
  return sources().every((file) => statSync(file).mtimeMs <= builtAt);
}

function build(): void {
  if (isBuilt()) return; // by another test file, which had the lock
  const vite = join(root, "node_modules/vite/bin/vite.js");
  execFileSync(process.execPath, [vite, "build"], { cwd: example, stdio: "pipe" });
}

/** Builds the chat's page where it is older than what it is made of; once, whatever test files ask for it. */
export async function buildDemo(): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!isBuilt()) {
    try {
      closeSync(openSync(lock, "wx"));
    } catch {
      if (Date.now() > deadline) throw new Error(`the page is not built; ${lock} is left over`);
      await new Promise((resolve) => setTimeout(resolve, 100));
      continue;
    }
    try {
      build();
    } finally {
      rmSync(lock);
    }
  }
}
