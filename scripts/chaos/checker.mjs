/**
 * Checks what one client is sent over all of its connections: every event once and in order, or a gap that
 * was told where some are lacking. Events are numbered: `all` by who broadcasts all the time, `life` by each
 * life of a server; `bye` tells how many there were.
 */
export class Checker {
  /** What was wrong, if anything was. */
  failure;
  /** Events that were right. */
  checked = 0;
  /** Gaps that were told. */
  gaps = 0;
  saidBye = false;
  /** The id to come back with, which a gap does not change. */
  lastId = "";
  /** The id that the next one must be greater than. */
  #previous = "";
  #name;
  /** The next number of each sequence: undefined after a gap. */
  #next = new Map([["all", 0]]);
  /** The oldest event that there is, as a gap tells: it is the next one. */
  #oldest;

  constructor(name) {
    this.#name = name;
  }

  take({ event, id, data }) {
    if (this.failure) return;
    if (event === "gap") return this.#gap(id, JSON.parse(data));
    this.#order(id);
    const parsed = JSON.parse(data);
    if (event === "all") this.#number("all", parsed.number);
    else if (event === "life") this.#number(parsed.life, parsed.number);
    else if (event === "bye") this.#bye(parsed);
    else this.#fail(`an event named ${event}`);
    this.checked++;
  }

  #gap(id, { reason, oldest }) {
    if (id !== undefined) this.#fail("a gap with an id");
    if (reason !== "unknown" && reason !== "evicted") this.#fail(`a gap because of ${reason}`);
    this.gaps++;
    this.#oldest = oldest;
    // What follows may be known, or far ahead; from there on nothing may lack.
    this.#next.clear();
    this.#previous = "";
  }

  #order(id) {
    if (id === undefined) return this.#fail("an event without an id");
    if (this.#oldest && id !== this.#oldest) this.#fail(`${id} where a gap told ${this.#oldest}`);
    this.#oldest = undefined;
    if (this.#previous !== "" && compare(id, this.#previous) <= 0) {
      this.#fail(`${id} after ${this.#previous}`);
    }
    this.#previous = id;
    this.lastId = id;
  }

  #number(name, number) {
    // Somebody new begins with 0, unless that may be among what lacks.
    const expected = this.#next.get(name) ?? (this.gaps > 0 ? number : 0);
    if (number !== expected) this.#fail(`${name} ${number} where ${expected} should be`);
    this.#next.set(name, number + 1);
  }

  #bye({ next }) {
    this.saidBye = true;
    for (const [name, number] of Object.entries(next)) {
      const got = this.#next.get(name);
      // A server may be killed before it could tell how far it came.
      const isWhole = name === "all" ? got === number : got >= number;
      if (!isWhole && !(this.gaps > 0 && got === undefined)) {
        this.#fail(`at its end ${name} ${got}, not ${number}`);
      }
    }
  }

  #fail(what) {
    this.failure ??= `${this.#name} got ${what}`;
  }
}

function compare(one, other) {
  const [time, sequence] = one.split("-").map(Number);
  const [otherTime, otherSequence] = other.split("-").map(Number);
  return time - otherTime || sequence - otherSequence;
}
