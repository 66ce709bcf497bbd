import { createParser } from "eventsource-parser";

/**
 * Checks what one client is sent: that every event is its own, and that none is missing, doubled or out
 * of order. A client that stalls may miss events, where its session's policy drops them.
 */
export class Checker {
  /** What was wrong, if anything was. */
  failure;
  /** Events that were right. */
  checked = 0;
  /** Whether the last event, with the totals, has come. */
  saidBye = false;
  /** Numbers of the next events: of all clients', of its group's, of its own. */
  #next = { all: undefined, group: undefined, own: 0 };
  #secret;
  #group;
  #mayMiss;
  #decoder = new TextDecoder("utf-8", { fatal: true });
  #parser = createParser({
    onEvent: ({ event, data }) => this.#check(event, JSON.parse(data)),
    onError: (error) => this.#fail(`no event stream: ${error.message}`),
  });

  constructor({ secret, group, mayMiss }) {
    this.#secret = secret;
    this.#group = group;
    this.#mayMiss = mayMiss;
  }

  feed(bytes) {
    if (this.failure) return;
    try {
      this.#parser.feed(this.#decoder.decode(bytes, { stream: true }));
    } catch (error) {
      this.#fail(error.message);
    }
  }

  #check(event, data) {
    if (this.failure) return;
    if (event === "hello" || event === "bye") this.#totals(event, data);
    else if (event === "all") this.#sequence("all", data);
    else if (event === "group") {
      if (data.group !== this.#group) this.#fail(`an event of group ${data.group}`);
      this.#sequence("group", data);
    } else if (event === "own") {
      this.#isOwn(data);
      this.#sequence("own", data);
    } else if (event !== "farewell") this.#fail(`an event named ${event}`);
    this.checked++;
  }

  /** The first event tells what comes next, the last one what should have come. */
  #totals(event, { next, ...data }) {
    this.#isOwn(data);
    if (event === "hello") this.#next = next;
    else {
      const missed = Object.keys(next).filter((name) => next[name] !== this.#next[name]);
      if (missed.length > 0 && !this.#mayMiss) {
        this.#fail(`at its end ${JSON.stringify(this.#next)}, not ${JSON.stringify(next)}`);
      }
      this.saidBye = true;
    }
  }

  #sequence(name, { number }) {
    const expected = this.#next[name];
    const isNext = this.#mayMiss ? number >= (expected ?? 0) : number === expected;
    if (!isNext) this.#fail(`${name} ${number} where ${expected} should be`);
    this.#next[name] = number + 1;
  }

  #isOwn({ secret }) {
    if (secret !== this.#secret) this.#fail(`what is ${secret}'s`);
  }

  #fail(what) {
    this.failure ??= `${this.#secret} got ${what}`;
  }
}
