import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const built = (name) => join(root, "build", "bench", name);

/** Programs that `scripts/bench.sh` builds. */
export const programs = {
  client: built("bench_client"),
  sendLoop: built("send_loop"),
  engine: built("engine_bench"),
};

function findNchan() {
  try {
    // nginx writes its configuration to stderr.
    const flags = execFileSync("bash", ["-c", "nginx -V 2>&1"]).toString();
    const folder = /--modules-path=(\S+)/.exec(flags)?.[1] ?? "/usr/lib/nginx/modules";
    const module = join(folder, "ngx_nchan_module.so");
    return existsSync(module) ? ["nginx", module] : undefined;
  } catch {
    return undefined;
  }
}

export const nchan = findNchan();

/**
 * Every server that is measured. `descriptors`: how many files one session takes in the server's
 * process; `lane`: where its sessions have to be; `limit`: a mark, not a library.
 */
export const contenders = {
  ours: { label: "stream-llm", file: "ours", lane: "socket", descriptors: 2, needsBuild: true },
  "ours-stream": {
    label: "stream-llm, pull lane",
    file: "ours",
    args: [JSON.stringify({ transport: "stream" })],
    lane: "stream",
    needsBuild: true,
  },
  "ours-redis": {
    label: "stream-llm, through Redis",
    file: "ours_redis",
    lane: "socket",
    descriptors: 2,
    needsBuild: true,
  },
  "better-sse": { label: "better-sse 0.16.1", file: "better_sse" },
  published: { label: "stream-llm 0.0.1 (published)", file: "published" },
  hono: { label: "Hono streamSSE", file: "hono_stream_sse" },
  "hand-written": { label: "hand-written res.write", file: "hand_written" },
  bare: { label: "bare Node response", file: "bare", limit: true },
  "hono-ours": { label: "stream-llm, createResponse", file: "hono_ours", needsBuild: true },
  "hono-better-sse": { label: "better-sse, createResponse", file: "hono_better_sse" },
  "hono-published": { label: "stream-llm 0.0.1, createResponse", file: "hono_published" },
  "relay-ours": {
    label: "stream-llm, relay",
    file: "relay_ours",
    lane: "socket",
    descriptors: 2,
    needsBuild: true,
  },
  "relay-better-sse": { label: "better-sse and JSON.stringify, relay", file: "relay_better_sse" },
  "send-loop": { label: "send(2) loop", file: "send_loop", args: [programs.sendLoop], limit: true },
  nchan: { label: "nchan (nginx)", file: "nchan", args: nchan ?? [], missing: !nchan, limit: true },
  // Of the scenario `stalled`: a client that does not read stays connected throughout.
  "ours-drop-oldest": {
    label: 'stream-llm, slowConsumer: "drop-oldest"',
    file: "ours",
    args: [JSON.stringify({ slowConsumer: "drop-oldest", writeTimeout: null })],
    lane: "socket",
    descriptors: 2,
    needsBuild: true,
  },
};

export const labelOf = (name) => contenders[name].label;

/** Those of no requirement: one run each is enough to see where they stand. */
export const isAside = (name) =>
  ["published", "hono", "hono-published", "ours-stream"].includes(name);

/** Why a contender cannot run here, or undefined. */
export function absence(name) {
  const { missing, needsBuild } = contenders[name];
  if (missing) return "nginx with nchan is not installed (Debian: nginx libnginx-mod-nchan)";
  if (needsBuild && !existsSync(join(root, "dist", "index.js"))) return "dist/ is not built";
  return undefined;
}
