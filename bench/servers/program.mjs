import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A program that answers each line on its stdin with a line of JSON, and ends with its stdin. */
export class Program {
  #child;
  #lines;

  constructor(path, args = []) {
    this.#child = spawn(path, args, { stdio: ["pipe", "pipe", "inherit"] });
    process.on("exit", () => this.#child.kill("SIGKILL"));
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async read() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.#child.spawnfile} has ended`);
    return JSON.parse(value);
  }

  ask(line) {
    this.#child.stdin.write(`${line}\n`);
    return this.read();
  }
}
