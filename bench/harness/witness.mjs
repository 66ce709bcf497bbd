import { createParser } from "eventsource-parser";

/** One client that keeps the data of every event that it gets, to compare it with what was meant. */
export class Witness {
  data = [];
  #controller = new AbortController();

  async open(port) {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: this.#controller.signal });
    this.#read(response).catch(() => {});
  }

  async #read(response) {
    const parser = createParser({ onEvent: ({ data }) => this.data.push(data) });
    const decoder = new TextDecoder();
    for await (const bytes of response.body) parser.feed(decoder.decode(bytes, { stream: true }));
  }

  /** @throws when it has got something else */
  check(expected) {
    const at = expected.findIndex((data, i) => data !== this.data[i]);
    if (at < 0 && this.data.length === expected.length) return;
    throw new Error(`event ${at}: ${this.data[at]}; expected ${expected[at]}`);
  }

  close() {
    this.#controller.abort();
  }
}
