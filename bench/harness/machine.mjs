import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { nchan } from "./contenders.mjs";
import { openFiles } from "./processes.mjs";

const bench = fileURLToPath(new URL("..", import.meta.url));

function output(command) {
  try {
    return execFileSync("bash", ["-c", command], {
      cwd: bench,
      stdio: ["ignore", "pipe", "ignore"],
    })
      .toString()
      .trim()
      .replaceAll(/\s+/g, " ");
  } catch {
    return "";
  }
}

/** Versions of the packages that bench/package.json pins. */
function packages() {
  const { devDependencies } = JSON.parse(readFileSync(`${bench}/package.json`, "utf8"));
  return Object.fromEntries(
    Object.keys(devDependencies).map((name) => {
      const path = `${bench}/node_modules/${name}/package.json`;
      return [name, JSON.parse(readFileSync(path, "utf8")).version];
    }),
  );
}

/** What the numbers depend on. */
export function machine() {
  const [cpu] = os.cpus();
  return {
    cpu: `${os.cpus().length} x ${cpu.model.trim()}`,
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    system: `${output(". /etc/os-release && echo $PRETTY_NAME")}, Linux ${os.release()}`,
    congestion: output("cat /proc/sys/net/ipv4/tcp_congestion_control"),
    openFiles,
    node: process.version,
    compiler: output("c++ --version | head -1"),
    commit: output("git describe --always --dirty"),
    nchan: nchan ? output("nginx -v 2>&1; dpkg-query -W libnginx-mod-nchan") : "not installed",
    packages: packages(),
  };
}
