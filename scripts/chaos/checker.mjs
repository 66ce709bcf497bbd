/** What the checker needs of an event as a parser gives it. All clients get the same events: once is enough. */
export function understand({ event, id, data }) {
  const place = id?.split("-").map(Number);
  return { event, id, place, data: JSON.parse(data) };
}

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
  /** The event that the next one must have a greater id than. */
  #previous;
  #name;
  /** The next number of each sequence: undefined after a gap. */
  #next = new Map([["all", 0]]);
  /** The oldest event that there is, as a gap tells: it is the next one. */
  #oldest;

  constructor(name) {
    this.#name = name;
  }

  /** @param event as `understand` returns it */
  take(event) {
    if (this.failure) return;
    const { event: name, data } = event;
    if (name === "gap") return this.#gap(event);
    this.#order(event);
    if (name === "all") this.#number("all", data.number);
    else if (name === "life") this.#number(data.life, data.number);
    else if (name === "bye") this.#bye(data);
    else this.#fail(`an event named ${name}`);
    this.checked++;
  }

  #gap({ id, data: { reason, oldest } }) {
    if (id !== undefined) this.#fail("a gap with an id");
    if (reason !== "unknown" && reason !== "evicted") this.#fail(`a gap because of ${reason}`);
    this.gaps++;
    this.#oldest = oldest;
    // What follows may be known, or far ahead; from there on nothing may lack.
    this.#next.clear();
    this.#previous = undefined;
  }

  #order(event) {
    const { id } = event;
    if (id === undefined) return this.#fail("an event without an id");
    if (this.#oldest && id !== this.#oldest) this.#fail(`${id} where a gap told ${this.#oldest}`);
    this.#oldest = undefined;
    if (this.#previous && !isAfter(event, this.#previous)) {
      this.#fail(`${id} after ${this.#previous.id}`);
    }
    this.#previous = event;
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

function isAfter({ place: [time, number] }, { place: [otherTime, otherNumber] }) {
  return time > otherTime || (time === otherTime && number > otherNumber);
}
