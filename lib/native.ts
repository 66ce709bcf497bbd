import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { NativeAddon, NativeEnvelope } from "../types/native.js";
import { SseError } from "./errors.js";
import { prebuilds } from "./prebuilds.js";
import { currentTarget } from "./target.js";

/** See `NoticeKind` in types/native.d.ts. */
export const NoticeKind = { Ready: 0, Drained: 1, Dropped: 2, Ended: 3, Closed: 4 } as const;

/** See `CloseReason` in types/native.d.ts. */
export const CloseReason = {
  SlowConsumer: 0,
  WriteTimeout: 1,
  ConnectionReset: 2,
  SocketError: 3,
} as const;

/** See `SlowConsumer` in types/native.d.ts. */
export const SlowConsumer = { Disconnect: 0, DropOldest: 1, DropNewest: 2 } as const;

/** An event that is text in an envelope, as arguments of `pushText` and `broadcastText`. */
export type EnclosedText = [
  envelope: NativeEnvelope,
  text: string,
  number: number | undefined,
  id: string | undefined,
];

/** What `stream-llm-build` has made for a platform without a released binary. Not a literal: there
 * is no file that a bundler could copy before. */
function builtHere(target: string): URL {
  const path = ["..", "prebuilds", target, "stream-llm.node"].join("/");
  return new URL(path, import.meta.url);
}

function findBinary(target: string): string {
  const override = process.env.STREAM_LLM_BINARY;
  if (override) return resolve(override);
  try {
    return fileURLToPath(prebuilds[target]?.() ?? builtHere(target));
  } catch (cause) {
    throw misplaced(cause);
  }
}

/** For bundles of CommonJS, where `import.meta.url` is undefined, or has a bundler's scheme. */
function misplaced(cause: unknown): SseError {
  return new SseError(
    "native-not-found",
    "the native binary is looked for beside this module, whose place a bundler has taken away (import.meta.url). " +
      "Keep stream-llm external, or set STREAM_LLM_BINARY to the binary.",
    { cause },
  );
}

function notFound(file: string, target: string): SseError {
  const message = process.env.STREAM_LLM_BINARY
    ? `STREAM_LLM_BINARY names ${file}, which does not exist. Correct or unset it.`
    : `no native binary for ${target} (Node ${process.version}): ${file} does not exist. ` +
      "Build it with: npx stream-llm-build. " +
      "If a bundler moved this file, keep stream-llm external or set STREAM_LLM_BINARY to the binary.";
  return new SseError("native-not-found", message);
}

function loadFailed(file: string, target: string, cause: unknown): SseError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message =
    `the native binary ${file} cannot be loaded on ${target} (Node ${process.version}): ${reason}. ` +
    "Build it for this machine with: npx stream-llm-build.";
  return new SseError("native-load-failed", message, { cause });
}

function load(): NativeAddon {
  const target = currentTarget();
  const file = findBinary(target);
  if (!existsSync(file)) throw notFound(file, target);

  // process.dlopen is what require() does with a .node file; bundlers leave it alone.
  const addon = { exports: {} };
  try {
    process.dlopen(addon, file);
  } catch (cause) {
    throw loadFailed(file, target, cause);
  }
  return addon.exports as NativeAddon;
}

/** The native addon of this environment (main thread or worker). */
export const native: NativeAddon = load();
