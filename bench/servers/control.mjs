/**
 * What every server under test does for the harness, over the IPC channel of `child_process.fork`.
 * A contender brings `open()`, `size()`, `broadcast(data)` and `pushEach(data)`; the measuring here is
 * the same code for all.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

/** ~60 bytes of JSON with the stamp in front. */
export const TEXT = "a token of the answer";

/** Nanoseconds of CLOCK_MONOTONIC, the clock of the client too. Exact: below 2^53 for 104 days. */
export const now = () => Number(process.hrtime.bigint());

export const HEADERS = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
  Connection: "keep-alive",
};

/** Listens on a free port of 127.0.0.1. */
export async function listen(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", 4096, resolve));
  return server.address().port;
}

/**
 * Calls `send` `count` times: one per loop turn when `interval` is 0, else `interval` ms apart. A turn
 * that is late does not delay those after it.
 */
async function repeat(count, interval, send) {
  const startedAt = now();
  for (let i = 0; i < count; i++) {
    if (interval > 0) {
      const due = startedAt + i * interval * 1e6;
      const wait = Math.floor((due - now()) / 1e6);
      await (wait > 0 ? sleep(wait) : nextTurn());
    } else {
      await nextTurn();
    }
    send();
  }
  return startedAt;
}

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Pushes one event to each session every `period` ms, spread evenly over the period. */
async function streamTokens(sessions, push, sequences, period, duration) {
  const started = now();
  const rounds = Math.floor(duration / period);
  const total = rounds * sessions;
  const first = sequences.next;
  sequences.next += rounds;
  let sent = 0;
  while (sent < total) {
    await sleep(1);
    const due = Math.min(total, Math.floor(((now() - started) / 1e6 / period) * sessions));
    for (; sent < due; sent++) {
      push(sent % sessions, {
        seq: first + Math.floor(sent / sessions),
        at: now(),
        text: TEXT,
      });
    }
  }
  return { startedAt: started, rounds };
}

async function collectGarbage() {
  for (let i = 0; i < 4; i++) {
    globalThis.gc();
    await sleep(50);
  }
}

/** What the process has used since `mark`; elu: the share of time that the event loop was busy. */
class Usage {
  constructor() {
    this.mark();
  }

  mark() {
    this.cpu = process.cpuUsage();
    this.elu = performance.eventLoopUtilization();
    this.peak = 0;
  }

  read() {
    const { user, system } = process.cpuUsage(this.cpu);
    const elu = performance.eventLoopUtilization(this.elu).utilization;
    return { cpu: user + system, elu, rss: process.memoryUsage.rss(), peak: this.peak };
  }

  watchPeak() {
    this.watch = setInterval(() => {
      this.peak = Math.max(this.peak, process.memoryUsage.rss());
    }, 50).unref();
  }
}

function commands(contender) {
  const usage = new Usage();
  const sequences = { next: 0 };
  return {
    sessions: () => contender.size(),
    connected: () => contender.connected(),
    /**
     * Before there are sessions: V8 has compiled what a server that has run for a minute has compiled.
     * Libraries that do their work once for each session get warm by themselves.
     */
    warmUp() {
      for (let i = 0; i < 5000; i++) contender.broadcast?.({ seq: 0, at: now(), text: TEXT });
    },
    mark: () => usage.mark(),
    watchPeak: () => usage.watchPeak(),
    usage: () => usage.read(),
    stats: () => contender.stats?.() ?? null,
    async memory() {
      await collectGarbage();
      return process.memoryUsage();
    },
    /** `bytes`: pads the text, for events larger than the usual ones. */
    async broadcast({ count, interval = 0, bytes = 0 }) {
      const text = TEXT.padEnd(bytes, ".");
      const times = [];
      const startedAt = await repeat(count, interval, () => {
        const at = now();
        contender.broadcast({ seq: sequences.next++, at, text });
        times.push(now() - at);
      });
      times.sort((a, b) => a - b);
      return { startedAt, blocked: quantile(times, 0.5), blocked99: quantile(times, 0.99) };
    },
    async pushEach({ count }) {
      const size = contender.size();
      const startedAt = await repeat(count, 0, () => {
        const data = { seq: sequences.next++, at: now(), text: TEXT };
        for (let i = 0; i < size; i++) contender.push(i, data);
      });
      return { startedAt };
    },
    tokens: ({ period, duration }) =>
      streamTokens(contender.size(), contender.push, sequences, period, duration),
    ...contender.commands,
  };
}

/** Opens the contender's server and serves commands until the harness goes. */
export async function serve(contender) {
  process.on("disconnect", () => process.exit());
  const handlers = commands(contender);
  process.on("message", async ({ id, command, options }) => {
    try {
      process.send({ id, result: (await handlers[command](options)) ?? null });
    } catch (error) {
      process.send({ id, error: String(error?.stack ?? error) });
    }
  });
  process.send({ port: await contender.open() });
}
