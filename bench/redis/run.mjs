/**
 * `npm run bench:redis`: one generation with 50 watchers on another server, over one Redis: stream-llm
 * beside Vercel's resumable-stream. Writes RESULTS.md here. `--quick` is small, and writes nothing.
 */
import { writeFileSync } from "node:fs";
import { get } from "node:http";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { createParser } from "eventsource-parser";
import { round } from "../harness/format.mjs";
import { endAll, forkTracked, gone } from "../harness/processes.mjs";
import { redisVersion, startRedis } from "./redis.mjs";

const isQuick = process.argv.includes("--quick");
const tokens = isQuick ? 100 : 1000;
const perSecond = 200;
const watcherCounts = isQuick ? [1, 10] : [1, 50];
const rounds = isQuick ? 1 : 3;
/** After the producer's death, watchers are given so long, in ms. */
const patience = isQuick ? 18_000 : 60_000;
const contenders = ["ours", "resumable_stream"];
const labels = Object.fromEntries(
  await Promise.all(contenders.map(async (name) => [name, (await import(`./${name}.mjs`)).label])),
);

const bounded = setTimeout(() => {
  endAll();
  throw new Error("not done after 15 minutes");
}, 900_000);

async function startServer(contender, redis) {
  const program = fileURLToPath(new URL("program.mjs", import.meta.url));
  const child = forkTracked(program, [contender, `${redis.port}`]);
  const answer = () => new Promise((resolve) => child.once("message", resolve));
  const { port } = await answer();
  const ask = async (question) => {
    const answered = answer();
    child.send(question);
    return answered;
  };
  return { child, port, ask };
}

/** A client that counts what it reads. */
function watch(server, id) {
  const seen = { tokens: 0, last: "", status: 0 };
  let settle;
  seen.ended = new Promise((resolve) => {
    settle = resolve;
  });
  const parser = createParser({
    onEvent({ event, data }) {
      seen.last = event;
      // A replay comes in few events.
      if (event === "token") seen.tokens += JSON.parse(data).token.length / 6;
    },
  });
  const request = get({ host: "127.0.0.1", port: server.port, path: `/${id}` }, (response) => {
    seen.status = response.statusCode;
    response.setEncoding("utf8").on("data", (chunk) => parser.feed(chunk));
    response.once("close", settle);
  });
  request.once("error", settle);
  seen.close = () => request.destroy();
  return seen;
}

async function until(condition, ms = 60_000) {
  const deadline = performance.now() + ms;
  while (!condition() && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return condition();
}

/** One run, with a Redis and two servers of its own. */
async function withServers(contender, run) {
  const redis = await startRedis();
  const servers = [await startServer(contender, redis), await startServer(contender, redis)];
  try {
    return await run(redis, ...servers);
  } finally {
    for (const { child } of servers) child.kill("SIGKILL");
    await Promise.all(servers.map(({ child }) => gone(child, 1000)));
    await redis.close();
  }
}

const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

function whole(contender, watchers) {
  return withServers(contender, async (redis, producer, server) => {
    const cpu = async () =>
      Promise.all([producer, server].map(async ({ ask }) => (await ask({ action: "cpu" })).cpu));
    const before = [await redis.figures(), await cpu()];
    await producer.ask({ action: "start", id: "a", tokens, perSecond });
    const clients = Array.from({ length: watchers }, () => watch(server, "a"));
    await Promise.all(clients.map(({ ended }) => ended));
    const after = [await redis.figures(), await cpu()];
    const complete = clients.filter((client) => client.tokens === tokens && client.last === "done");
    return {
      complete: complete.length,
      commands: (sum(after[0].commands) - sum(before[0].commands)) / tokens,
      bytes: (after[0].bytes - before[0].bytes) / tokens,
      redisCpu: after[0].cpu - before[0].cpu,
      producerCpu: after[1][0] - before[1][0],
      serverCpu: after[1][1] - before[1][1],
    };
  });
}

function death(contender, watchers) {
  return withServers(contender, async (_redis, producer, server) => {
    await producer.ask({ action: "start", id: "a", tokens: 100_000, perSecond });
    const clients = Array.from({ length: watchers }, () => watch(server, "a"));
    await until(() => clients.every((client) => client.tokens >= tokens / 4));
    producer.child.kill("SIGKILL");
    const killed = performance.now();
    let ended = 0;
    for (const client of clients) client.ended.then(() => ended++);
    await until(() => ended === watchers, patience);
    const seconds = (performance.now() - killed) / 1000;
    const counted = ended;
    const told = clients.filter(({ last }) => last === "error").length;
    for (const client of clients) client.close();
    const late = watch(server, "a");
    await Promise.race([late.ended, until(() => false, 10_000)]);
    late.close();
    const most = Math.max(...clients.map((client) => client.tokens));
    return { ended: counted, told, seconds, most, late: late.tokens, status: late.status };
  });
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function medians(samples) {
  const keys = Object.keys(samples[0]);
  return Object.fromEntries(keys.map((key) => [key, median(samples.map((one) => one[key]))]));
}

const columns = [
  ["watchers that got all", ({ complete }) => `${complete}`],
  ["Redis commands per token", ({ commands }) => round(commands)],
  ["bytes over Redis per token", ({ bytes }) => round(bytes)],
  ["CPU of Redis", ({ redisCpu }) => `${round(redisCpu * 1000)} ms`],
  ["CPU of the producer", ({ producerCpu }) => `${round(producerCpu * 1000)} ms`],
  ["CPU of the watchers' server", ({ serverCpu }) => `${round(serverCpu * 1000)} ms`],
];

const rows = [];
for (const watchers of watcherCounts) {
  const samples = Object.fromEntries(contenders.map((name) => [name, []]));
  for (let n = 0; n < rounds; n++) {
    for (const name of contenders) samples[name].push(await whole(name, watchers));
  }
  for (const name of contenders) {
    const figures = columns.map(([, cell]) => cell(medians(samples[name])));
    rows.push(`| ${labels[name]} | ${watchers} | ${figures.join(" | ")} |`);
    console.log(rows.at(-1));
  }
}

const survivals = [];
for (const name of contenders) {
  const watchers = watcherCounts.at(-1);
  const { ended, told, seconds, most, late, status } = await death(name, watchers);
  const end =
    ended === watchers
      ? `${told} of ${watchers} were told so, after ${round(seconds)} s`
      : `${watchers - ended} of ${watchers} still waited after ${round(seconds)} s`;
  survivals.push(`| ${labels[name]} | ${end} | ${late} of ${most} tokens (HTTP ${status}) |`);
  console.log(survivals.at(-1));
}
clearTimeout(bounded);

const heads = ["", "watchers", ...columns.map(([head]) => head)];
const text = `# Generations over Redis, beside resumable-stream

\`npm run bench:redis\` wrote this page: one generation of ${tokens} tokens at ${perSecond} in a second, run by one server and watched on another, over one redis-server ${redisVersion()}; Node ${process.version}, ${cpus().length} x ${cpus()[0].model.trim()}. Medians of ${rounds} rounds. Both send the same events, and are used as their documentation says, with default options, through ioredis. Commands are what Redis counts (\`INFO commandstats\`), those that scripts call as well.

| ${heads.join(" | ")} |
|${heads.map(() => "---").join("|")}|
${rows.join("\n")}

The producer's server is killed (\`SIGKILL\`) after a quarter of the answer:

| | the watchers | who comes after that |
|---|---|---|
${survivals.join("\n")}
`;
if (isQuick) console.log(text);
else writeFileSync(new URL("RESULTS.md", import.meta.url), text);
