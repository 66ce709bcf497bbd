import { createInterface } from "node:readline";
import { programs } from "./contenders.mjs";
import { gone, spawnTracked, withOpenFiles } from "./processes.mjs";

/** The receiving side: client/ as a process of its own. */
export class Client {
  #child;
  #lines;
  #stamped;

  /**
   * @param options `port`, `connections`, `stalled`, `phases` (events for each connection in each
   * phase), `deadline` in seconds, `checkOrder`, `stamped`: whether events begin with a number and a
   * time, without which only their count is checked
   */
  constructor({ port, connections, stalled = 0, phases = [], deadline = 120, ...checks }) {
    const { stamped = true, checkOrder = stamped } = checks;
    this.#stamped = stamped;
    const args = [
      `--port=${port}`,
      `--connections=${connections}`,
      `--stalled=${stalled}`,
      `--phases=${phases.join(",")}`,
      `--deadline=${deadline}`,
      `--check-order=${checkOrder ? "yes" : "no"}`,
    ];
    this.#child = spawnTracked(...withOpenFiles(programs.client, args), {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async #read() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the client has ended");
    const line = JSON.parse(value);
    if (line.problem) throw new Error(`client: ${line.problem} (${value})`);
    return line;
  }

  /** Resolves when every connection has its response. */
  async ready() {
    const line = await this.#read();
    if (line.type !== "ready") throw new Error("the client could not connect");
  }

  /**
   * What arrived in the phase that ends next.
   * @throws when an event was lost, came twice or out of order, or did not come at all
   */
  async phase() {
    const phase = await this.#read();
    const { complete, lost, duplicated, unstamped, leastEvents, mostEvents } = phase;
    const wrong = lost + duplicated + (this.#stamped ? unstamped : 0);
    const whole = complete && wrong === 0 && leastEvents === mostEvents;
    if (!whole) throw new Error(`events were lost or doubled: ${JSON.stringify(phase)}`);
    return phase;
  }

  async close() {
    this.#child.stdin.destroy();
    await gone(this.#child, 5000);
  }
}
