import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const HEAD = {
  id: "chatcmpl-DuLdInI48CUMPbcraGuxW2KFhK3CM",
  object: "chat.completion.chunk",
  created: 1782321896,
  model: "gpt-4o-2024-08-06",
};

/** A chunk as OpenAI sends it (2026-06), among it what is of no use to a client. */
function chunk(delta) {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: null }];
  const more = { service_tier: "default", system_fingerprint: "fp_e6c46296c9" };
  return `data: ${JSON.stringify({ ...HEAD, ...more, choices, usage: null, obfuscation: "I4YePAoyJg" })}\n\n`;
}

/** Five to seven characters, numbered, so that none can be missing unnoticed. */
const tokenOf = (number) => ` ${number.toString(36).padStart(4, "t")}"`.slice(0, 5 + (number % 3));

/** What a client of OpenAI needs of each chunk: what every contender is to send. */
export function expectedData(delta) {
  return JSON.stringify({ ...HEAD, choices: [{ index: 0, delta, finish_reason: null }] });
}

/** A server that streams one answer, as fast as it is told to. */
export class Provider {
  #server = createServer((_req, res) => {
    res.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
    res.flushHeaders();
    this.#responses.push(res);
  });
  #responses = [];
  /** Each event's data, in order. */
  sent = [];

  async open() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.#server.address().port}/v1/chat/completions`;
  }

  /** How often it was asked for an answer. */
  get requests() {
    return this.#responses.length;
  }

  /**
   * Sends `count` chunks, `interval` ms apart; one that is late does not delay those after it. The
   * first chunk of all has the role, the others a token each.
   * @returns {Promise<{startedAt: number}>} in nanoseconds of CLOCK_MONOTONIC
   */
  async send({ count, interval }) {
    const [response] = this.#responses;
    const startedAt = Number(process.hrtime.bigint());
    const began = performance.now();
    for (let i = 0; i < count; i++) {
      const wait = began + i * interval - performance.now();
      if (wait > 0) await sleep(wait);
      const number = this.sent.length;
      const delta = number > 0 ? { content: tokenOf(number) } : { role: "assistant", content: "" };
      this.sent.push(expectedData(delta));
      response.write(chunk(delta));
    }
    return { startedAt };
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
