import { fileURLToPath } from "node:url";
import { contenders } from "./contenders.mjs";
import { forkTracked, gone } from "./processes.mjs";

/** A server under test, in its own process. */
export class Server {
  #child;
  #waiting = new Map();
  #next = 0;
  #exited;

  /** @param flags of Node, for this run */
  constructor(name, flags = []) {
    const { file, args = [] } = contenders[name];
    const path = fileURLToPath(new URL(`../servers/${file}.mjs`, import.meta.url));
    this.#child = forkTracked(path, args, {
      execArgv: ["--expose-gc", ...flags],
      env: { ...process.env, NODE_ENV: "production" },
    });
    this.#exited = new Promise((_, reject) => {
      this.#child.once("error", reject);
      this.#child.once("exit", (code, signal) =>
        reject(new Error(`server ${name} has ended: ${signal ?? code}`)),
      );
    });
    this.#exited.catch(() => {});
  }

  /** Resolves when the server listens. */
  async open() {
    const { port } = await Promise.race([
      new Promise((resolve) => this.#child.once("message", resolve)),
      this.#exited,
    ]);
    this.port = port;
    this.#child.on("message", ({ id, result, error }) => {
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve(result);
    });
  }

  /** Runs one of the commands of servers/control.mjs. */
  ask(command, options) {
    const id = this.#next++;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.send({ id, command, options });
    return Promise.race([answer, this.#exited]);
  }

  async close() {
    if (this.#child.connected) this.#child.disconnect();
    await gone(this.#child, 2000);
  }
}
