// Lets sessions come, go, stall and reset at random while events are sent, on both lanes, and checks that no
// healthy client lost an event or got another's, and that nothing is left behind.
// Usage: npm run soak -- [--seconds 300] [--seed N]
//        node scripts/soak.mjs --self-test   shows that the clients' checker finds what it is there to find
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/**
 * How much the line through the server's memory may rise from its warm-up to the end, in bytes. Runs of 20 s and
 * 60 s rose by 0.7 to 1.7 MiB.
 */
const mostGrowth = 4 << 20;

/**
 * V8 keeps up to 32 MiB of its young generation resident, the more the more garbage there was: that would
 * be counted as growth, though nothing is left behind.
 */
const serverFlags = ["--expose-gc", "--max-semi-space-size=1"];

const { values } = parseArgs({
  options: {
    seconds: { type: "string" },
    seed: { type: "string" },
    "self-test": { type: "boolean" },
  },
});
if (values["self-test"]) {
  const { selfTest } = await import("./soak/self-test.mjs");
  process.exit(selfTest() ? 0 : 1);
}
const seconds = Number(values.seconds ?? 300);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
if (!(seconds >= 10) || !Number.isSafeInteger(seed)) {
  console.error("soak: --seconds must be at least 10, --seed a whole number");
  process.exit(2);
}

const children = [];
function start(name, args, execArgv = []) {
  const file = fileURLToPath(new URL(`soak/${name}.mjs`, import.meta.url));
  const child = fork(file, args.map(String), { execArgv });
  children.push(child);
  child.once("exit", (code) => {
    if (code !== 0) fail(`the process of the ${name} ended by ${code}`);
  });
  return child;
}

function fail(what) {
  console.error(`soak: ${what} (seed ${seed})`);
  for (const child of children) child.kill("SIGKILL");
  process.exit(1);
}

async function message(child) {
  const [received] = await once(child, "message");
  return received;
}

function list(counts) {
  const texts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return texts.join(", ");
}

const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);

/**
 * The line that fits the samples, one each second, after the warm-up, a third: the memory at its two ends, in
 * bytes, and how much more there is each minute.
 */
function growth(samples) {
  const rss = samples.map((sample) => sample.rss).slice(Math.floor(samples.length / 3));
  const middle = (rss.length - 1) / 2;
  const mean = rss.reduce((sum, each) => sum + each) / rss.length;
  const weighted = rss.reduce((sum, each, at) => sum + (at - middle) * (each - mean), 0);
  const squares = rss.reduce((sum, _, at) => sum + (at - middle) ** 2, 0);
  const slope = weighted / squares;
  return { from: mean - slope * middle, to: mean + slope * middle, perMinute: slope * 60 };
}

/** What is wrong with how it went. */
function faults(server, clients, memory) {
  const { stats, opened } = server;
  const ended = Object.values(stats.disconnected).reduce((sum, each) => sum + each);
  const { failures } = clients;
  const checks = {
    [`clients: ${failures.length} failed`]: failures.length > 0,
    "not every kind of client came": Object.values(clients.sessions).includes(0),
    [`${server.left} descriptors are left`]: server.left !== 0,
    "server.close() did not complete": !server.isClosed,
    [`${list(opened)} sessions opened, ${ended} ended`]: opened.socket + opened.stream !== ended,
    "sessions are left": stats.sessions.stream + stats.sessions.socket > 0,
    "not every lane was used": opened.socket === 0 || opened.stream === 0,
    "no client was too slow": stats.disconnected["slow-consumer"] === 0 || stats.dropped === 0,
    [`memory grew by ${mebibytes(memory.to - memory.from)} MiB`]:
      memory.to - memory.from > mostGrowth,
  };
  return Object.keys(checks).filter((what) => checks[what]);
}

function summarize(server, clients, memory) {
  const { stats } = server;
  const { sends, coalesced, blocked, dropped, fallbacks } = stats;
  const most = Math.max(...server.samples.map(({ descriptors }) => descriptors));
  console.log(
    [
      `clients:      ${list(clients.sessions)}`,
      `events:       ${server.broadcasts} broadcasts and ${server.pushes} pushes sent, ${clients.events} deliveries checked`,
      `sessions:     ${list(server.opened)}`,
      `engine:       ${list({ sends, coalesced, blocked, dropped, fallbacks })}`,
      `disconnected: ${list(stats.disconnected)}`,
      `descriptors:  up to ${most}, ${server.left} left`,
      `memory:       ${mebibytes(memory.from)} MiB after the warm-up, ${mebibytes(memory.to)} MiB at the end: ${mebibytes(memory.perMinute)} MiB a minute (at most ${mebibytes(mostGrowth)} more)`,
    ].join("\n"),
  );
}

async function main() {
  console.log(`soak: ${seconds} s, seed ${seed}`);
  const limit = setTimeout(() => fail("it did not come to its end"), (seconds + 60) * 1000);
  const server = start("server", [seed], serverFlags);
  const { port } = await message(server);
  const clients = start("clients", [port, seconds, seed + 1]);
  await message(clients);
  const reports = [message(server), message(clients)];
  server.send("close");
  const [serverReport, clientReport] = await Promise.all(reports);
  clearTimeout(limit);

  const memory = growth(serverReport.samples);
  summarize(serverReport, clientReport, memory);
  for (const failure of clientReport.failures.slice(0, 10)) console.error(`soak: ${failure}`);
  const wrong = faults(serverReport, clientReport, memory);
  for (const fault of wrong) console.error(`soak: ${fault}`);
  console.log(wrong.length === 0 ? "soak: passed" : `soak: failed (seed ${seed})`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}

await main();
