// Starts generations, so many at a time, and watches each by several clients, which come back whenever their
// connection breaks and check what they are sent.
import { setTimeout as sleep } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { Redis } from "ioredis";
import { redisGenerationStore } from "stream-llm/redis";
import { createGenerations } from "stream-llm/streaming";
import { Random } from "../soak/random.mjs";
import { Front } from "./front.mjs";
import { leaseMs, marginMs } from "./generation.mjs";
import { WatcherChecker } from "./generation-checker.mjs";

const atOnce = 24;
const watchersEach = 4;
/** None is started so long before the end of the run, in ms: about what one takes. */
const longest = 4000;

const [port, redisPort, seed] = process.argv.slice(2).map(Number);
const random = new Random(seed);
const front = new Front(port);
const counts = { refusedStarts: 0, left: 0 };
const generations = [];
/** Aborts when those who still wait are not waited for any more. */
const late = new AbortController();

/** Asks whichever server nginx picks. Returns which it was, or nothing when that did not answer so. */
async function start(id, parts, ms) {
  const url = `http://127.0.0.1:${port}/generations/${id}?parts=${parts}&ms=${ms}`;
  const response = await fetch(url, { method: "POST" }).catch(() => undefined);
  await response?.arrayBuffer().catch(() => {});
  return response?.status === 201 ? response.headers.get("x-life") : undefined;
}

/** One connection of a watcher; one that is restless leaves it after a while. Returns whose fault its end is. */
async function watchOnce(path, checker, isRestless) {
  const leaves = isRestless ? [AbortSignal.timeout(random.between(200, 2000))] : [];
  let life;
  const parser = createParser({ onEvent: (event) => checker.take(event) });
  const status = await front.connect({
    path,
    lastId: checker.lastId,
    signal: AbortSignal.any([late.signal, ...leaves]),
    onOpen: (headers) => {
      life = headers["x-life"];
    },
    onText: (text) => {
      parser.feed(text);
      return !checker.isOver;
    },
  });
  if (status !== 200) checker.refused(status);
  if (!leaves[0]?.aborted) return life;
  counts.left++;
  return undefined;
}

async function watch({ id, parts, ms }, isRestless) {
  await sleep(random.between(0, (parts * ms) / 3));
  const checker = new WatcherChecker(parts);
  const begunAt = Date.now();
  const brokenBy = [];
  while (!checker.isOver && !late.signal.aborted) {
    const life = await watchOnce(`/generations/${id}`, checker, isRestless);
    if (checker.isOver) break;
    if (life !== undefined) brokenBy.push(life);
    checker.broke();
    await sleep(random.between(50, 1000));
  }
  const { failure, end, endedAt, count, gaps, checked } = checker;
  return { failure, end, endedAt, count, gaps, checked, begunAt, brokenBy };
}

/** Starts one and watches it until all know its end. */
async function generation(id) {
  const [parts, ms] = [random.between(200, 400), random.between(8, 20)];
  const startedAt = Date.now();
  const life = await start(id, parts, ms);
  if (life === undefined) {
    counts.refusedStarts++;
    await sleep(200);
    return;
  }
  const watching = Array.from({ length: watchersEach }, (_, at) =>
    watch({ id, parts, ms }, at === 0),
  );
  generations.push({ id, parts, life, startedAt, watchers: await Promise.all(watching) });
}

/** What the store has in the end, as a process reads it that ran and watched nothing. */
async function addStored() {
  const client = new Redis({ port: redisPort, host: "127.0.0.1" });
  const stored = createGenerations({ store: redisGenerationStore({ client, leaseMs }) });
  for (const each of generations) {
    const state = await stored.get(each.id);
    const end = state?.status === "finished" ? "finished" : (state?.error?.code ?? state?.status);
    each.stored = { end: end ?? "gone", count: (state?.text.split(" ").length ?? 1) - 1 };
  }
  await client.quit();
}

async function run(seconds) {
  const stopAt = Date.now() + seconds * 1000 - longest;
  const slot = async (_, at) => {
    for (let number = 0; Date.now() < stopAt; number++) await generation(`${at}-${number}`);
  };
  const giveUp = () => late.abort();
  const timer = setTimeout(giveUp, seconds * 1000 + longest + 2 * (leaseMs + marginMs));
  await Promise.all(Array.from({ length: atOnce }, slot));
  clearTimeout(timer);
  await addStored();
}

const orphaned = () => process.exit(1);
process.once("disconnect", orphaned);
process.once("message", async ({ seconds }) => {
  await run(seconds);
  const { connections, silent, refused } = front;
  process.send({ generations, connections, silent, refused, ...counts });
  process.off("disconnect", orphaned);
  process.disconnect();
});
process.send({ ready: true });
