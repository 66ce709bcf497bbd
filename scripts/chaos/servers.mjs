import { setTimeout as sleep } from "node:timers/promises";
import { kill, message, startNode } from "./processes.mjs";

/** The servers of the run. Those that are killed are replaced by others on the same port. */
export class Servers {
  /** How many servers there have been. */
  lives = 0;
  /** How many events each life of a server has published for certain. */
  published = {};
  /** When each life that was killed was, in ms since 1970. */
  killed = {};
  /** How generations ended, as their servers tell, by id: `status` and `at`, in ms since 1970. */
  finished = {};
  #ports;
  #args;
  #random;
  #servers = [];

  /** @param args of each, behind its port; then comes the name of its life */
  constructor(ports, args, random) {
    this.#ports = ports;
    this.#args = args;
    this.#random = random;
  }

  async start() {
    this.#servers = await Promise.all(this.#ports.map((port) => this.#start(port)));
  }

  /** From now on each broadcasts, and all that are started later. */
  broadcast() {
    for (const server of this.#servers) server.send("broadcast");
  }

  /** Kills one; resolves when another one has taken its place, a little later. */
  async replaceOne() {
    const at = this.#victim();
    const server = this.#servers[at];
    this.killed[server.life] = Date.now();
    await kill(server);
    await sleep(this.#random.between(100, 2000));
    this.#servers[at] = await this.#start(this.#ports[at]);
    this.#servers[at].send("broadcast");
  }

  /** The one with the most sessions, or the most generations, or any. */
  #victim() {
    const most = this.#random.pick(["sessions", "generations", undefined]);
    if (most === undefined) return this.#random.between(0, this.#servers.length);
    const counts = this.#servers.map((server) => server.has?.[most] ?? 0);
    return counts.indexOf(Math.max(...counts));
  }

  async #start(port) {
    const life = `life${this.lives++}`;
    const child = startNode("server", [port, ...this.#args, life]);
    await message(child);
    child.life = life;
    child.on("message", ({ finished, published, ...has }) => {
      if (finished) {
        this.finished[finished.id] = finished;
      } else {
        this.published[life] = published;
        child.has = has;
      }
    });
    return child;
  }
}
