import { leaseMs, marginMs } from "./generation.mjs";

/**
 * Checks what one watcher of a generation is sent over all of its connections: numbered parts, each once
 * and in order, and then an end.
 */
export class WatcherChecker {
  /** What was wrong, if anything was. */
  failure;
  /** Parts that were right. */
  checked = 0;
  /** How often it was told that it cannot go on from where it was, and began anew. */
  gaps = 0;
  /** How the generation ended: "finished", or the code of an error. */
  end;
  /** When it was told, in ms since 1970. */
  endedAt;
  /** How many parts it has: all that come before this one. */
  count = 0;
  /** The id to come back with, and how many parts it had then. */
  lastId = "";
  #countAtLastId = 0;
  #parts;

  /** @param parts how many the whole generation has */
  constructor(parts) {
    this.#parts = parts;
  }

  get isOver() {
    return this.end !== undefined || this.failure !== undefined;
  }

  /** @param event as a parser gives it */
  take({ event, id, data }) {
    if (this.failure) return;
    if (this.end) return this.#fail(`an event ${event} after its end`);
    const said = JSON.parse(data);
    if (event === "token") this.#token(said.token);
    else if (event === "start") this.#start();
    else if (event === "gap") this.#gap(said.reason);
    else if (event === "done") this.#done();
    else if (event === "error") this.#ended(said.code.toLowerCase().replaceAll("_", "-"));
    else if (event !== "metadata") this.#fail(`an event named ${event}`);
    if (id === undefined) return;
    this.lastId = id;
    this.#countAtLastId = this.count;
  }

  /** Its connection broke. What came without an id will come again. */
  broke() {
    this.count = this.#countAtLastId;
  }

  /** It was answered by a status that is the end for an `EventSource`. */
  refused(status) {
    if (status === 204) this.#fail("told that it has all");
    else if (status === 404) this.#ended("gone");
  }

  #token(text) {
    const numbers = text.split(" ");
    if (numbers.pop() !== "") this.#fail(`${JSON.stringify(text)}, which is no whole part`);
    for (const number of numbers) {
      if (Number(number) !== this.count) this.#fail(`part ${number} where ${this.count} should be`);
      this.count++;
      this.checked++;
    }
  }

  #start() {
    if (this.count > 0) this.#fail(`a start after ${this.count} parts`);
  }

  #gap(reason) {
    if (reason !== "unknown-id") this.#fail(`a gap because of ${reason}`);
    this.gaps++;
    this.count = 0;
  }

  #done() {
    if (this.count !== this.#parts) this.#fail(`done after ${this.count} of ${this.#parts} parts`);
    this.#ended("finished");
  }

  #ended(end) {
    this.end = end;
    this.endedAt = Date.now();
  }

  #fail(what) {
    this.failure ??= `got ${what}`;
  }
}

/**
 * What is wrong with the end of a generation as one watcher has it, if anything is.
 *
 * @param watcher a `WatcherChecker`, and when it `begunAt`
 * @param generation `killedAt`, when its producer's server was; `finishedAt`, when its producer said that
 * it has finished it; `stored`, the `end` and the `count` of its parts that the store has; `isForgotten`,
 * where Redis came back without it; `awayMs`, how long Redis was away meanwhile. All times in ms
 */
export function faultOf(watcher, generation) {
  const { killedAt, finishedAt, stored, isForgotten, awayMs } = generation;
  const { failure, end, endedAt, count, gaps, begunAt } = watcher;
  if (failure) return failure;
  if (!end) return "was never told of an end";
  if (isForgotten) return undefined;
  if (end !== stored.end) return `was told ${end}, and the store has ${stored.end}`;
  if (count !== stored.count) return `has ${count} parts, and the store ${stored.count}`;
  if (gaps > 0 && killedAt === undefined && awayMs === 0) return "began anew, though all was there";
  if (finishedAt !== undefined && end !== "finished") {
    return `was told ${end}, though its producer has finished it`;
  }
  if (end !== "finished" && !(endedAt >= killedAt))
    return `was told ${end} of a producer that lived`;
  const late = endedAt - Math.max(finishedAt ?? killedAt, begunAt);
  if (late > leaseMs + marginMs + awayMs) return `was told after ${late} ms`;
  return undefined;
}
