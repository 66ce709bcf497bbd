import { execFileSync, fork, spawn } from "node:child_process";

const children = new Set();

export function endAll() {
  for (const child of children) child.kill("SIGKILL");
}

process.on("exit", endAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));

function track(child) {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** As child_process.fork and spawn; whatever happens to this process, the child ends with it. */
export const forkTracked = (...args) => track(fork(...args));
export const spawnTracked = (...args) => track(spawn(...args));

/** Resolves when the child is gone; kills it after `milliseconds`. */
export async function gone(child, milliseconds) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => child.kill("SIGKILL"), milliseconds);
  await new Promise((resolve) => child.once("exit", resolve));
  clearTimeout(timer);
}

/** The hard limit of open files, for each process by itself. */
export const openFiles = Number(execFileSync("bash", ["-c", "ulimit -Hn"]).toString());

/** Raises the soft limit of the process about to be started to the hard one. */
export const withOpenFiles = (command, args) => [
  "bash",
  ["-c", 'ulimit -n "$(ulimit -Hn)" && exec "$@"', "bash", command, ...args],
];
