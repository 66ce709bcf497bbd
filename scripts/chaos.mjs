// Kills servers and Redis while one channel is broadcast to the clients of all servers, through nginx, and checks
// that after all have come back every client has every event once and in order, or was told of a gap.
// Usage: npm run chaos -- [--seconds 60] [--clients 2000] [--seed N] [--forgetful]
//          --forgetful: Redis comes back empty, so that there are gaps; else it has what it said to have
//        node scripts/chaos.mjs --self-test   shows that the clients' checker finds what it is there to find
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  endAll,
  freePorts,
  kill,
  message,
  Redis,
  startNginx,
  startNode,
} from "./chaos/processes.mjs";
import { Random } from "./soak/random.mjs";

const serverCount = 4;
const perSecond = 100;
/** A server is killed so often, in s. */
const killEvery = 5;
/** Each session takes two descriptors of its server, and one server may have all of them. */
const mostClients = 8000;
/** How long it may take beside the broadcasts, in s: two cores are busy with 2000 clients. */
const patience = 300;

const { values } = parseArgs({
  options: {
    ...{ seconds: { type: "string" }, clients: { type: "string" }, seed: { type: "string" } },
    ...{ forgetful: { type: "boolean" }, "self-test": { type: "boolean" } },
  },
});
if (values["self-test"]) {
  const { selfTest } = await import("./chaos/self-test.mjs");
  process.exit(selfTest() ? 0 : 1);
}
const seconds = Number(values.seconds ?? 60);
const clientCount = Number(values.clients ?? 2000);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const isForgetful = values.forgetful ?? false;
if (
  !(seconds >= 10) ||
  !Number.isSafeInteger(seed) ||
  !(clientCount >= 1 && clientCount <= mostClients)
) {
  console.error(
    `chaos: --seconds must be at least 10, --clients 1 to ${mostClients}, --seed a whole number`,
  );
  process.exit(2);
}

const random = new Random(seed);
const [redisPort, nginxPort, ...ports] = await freePorts(serverCount + 2);
/** All events of the run, and of servers beside. */
const maxLength = Math.ceil(2 * seconds * perSecond) + 1000;
const redis = new Redis(redisPort, isForgetful);
/** How many events each life of a server has published for certain. */
const published = {};
const counts = { servers: 0, redis: 0 };
let lives = 0;
let isOver = false;

function fail(what) {
  console.error(`chaos: ${what} (seed ${seed})`);
  endAll();
  process.exit(1);
}

async function startServer(port) {
  const life = `life${lives++}`;
  const child = startNode("server", [port, redisPort, maxLength, life]);
  await message(child);
  child.on("message", (told) => {
    published[life] = told.published;
    child.sessions = told.sessions;
  });
  return child;
}

/** Every other time the server with the most sessions, else any. */
function victimOf(servers) {
  if (random.chance(0.5)) return random.between(0, servers.length);
  const sessions = servers.map((server) => server.sessions ?? 0);
  return sessions.indexOf(Math.max(...sessions));
}

/** Kills servers, each replaced a little later, and Redis once in the middle. */
async function killAtRandom(servers) {
  const began = performance.now();
  const at = async (second) => sleep(Math.max(0, began + second * 1000 - performance.now()));
  const killings = async () => {
    for (let second = killEvery; second < seconds; second += killEvery) {
      await at(second);
      const index = victimOf(servers);
      counts.servers++;
      await kill(servers[index]);
      await sleep(random.between(100, 2000));
      servers[index] = await startServer(ports[index]);
      servers[index].send("broadcast");
    }
  };
  const redisKilling = async () => {
    await at(seconds / 2 + random.between(-2, 2));
    counts.redis++;
    await redis.kill();
    await sleep(random.between(200, 2000));
    await redis.start();
  };
  await Promise.all([killings(), redisKilling()]);
}

async function order(broadcaster, name, rest) {
  broadcaster.send({ order: name, ...rest });
  return message(broadcaster);
}

function list(all) {
  return Object.entries(all)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}

async function main() {
  console.log(`chaos: ${seconds} s, ${clientCount} clients, seed ${seed}`);
  const limit = setTimeout(() => fail("it did not come to its end"), (seconds + patience) * 1000);
  await redis.start();
  const servers = await Promise.all(ports.map(startServer));
  await startNginx({ port: nginxPort, ports });
  const broadcaster = startNode("broadcaster", [redisPort, maxLength, perSecond]);
  await message(broadcaster);
  const clients = startNode("clients", [nginxPort, clientCount, seed + 1]);
  clients.once("exit", (code) => isOver || fail(`the process of the clients ended by ${code}`));
  const reported = message(clients);

  const began = performance.now();
  const say = (what) =>
    console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s: ${what}`);
  const { presence } = await order(broadcaster, "presence", { sessions: clientCount });
  say("all clients are there");
  await order(broadcaster, "first");
  for (const server of servers) server.send("broadcast");
  const [{ number }] = await Promise.all([
    order(broadcaster, "run", { seconds }),
    killAtRandom(servers),
  ]);
  const ended = performance.now();
  say(`all is broadcast, after ${list(counts)} were killed`);
  await order(broadcaster, "bye", { next: published });
  const report = await reported;
  isOver = true;
  clearTimeout(limit);
  endAll();

  const { checked, failures, gaps, refused, ...connections } = report;
  console.log(
    [
      `killed:      ${list(counts)}`,
      `sessions:    ${presence.sessions} in ${presence.processes} processes at first`,
      `events:      ${number} broadcasts of one process, ${list({ lives: Object.keys(published).length })} of servers; ${checked} deliveries checked`,
      `clients:     ${list(connections)}, refused ${JSON.stringify(refused)}, told of ${gaps} gaps; all at the end ${((performance.now() - ended) / 1000).toFixed(1)} s after the last event`,
    ].join("\n"),
  );
  for (const failure of failures.slice(0, 10)) console.error(`chaos: ${failure}`);
  const wrong = {
    [`${failures.length} clients lack events, or got some twice or out of order`]:
      failures.length > 0,
    "there was a gap, though Redis has lost nothing": gaps > 0 && !isForgetful,
    "there was no gap, though Redis has lost all": gaps === 0 && isForgetful,
    "nothing was killed": counts.servers === 0 || counts.redis === 0,
    "no connection broke": report.connections <= clientCount,
  };
  const faults = Object.keys(wrong).filter((what) => wrong[what]);
  for (const fault of faults) console.error(`chaos: ${fault}`);
  console.log(faults.length === 0 ? "chaos: passed" : `chaos: failed (seed ${seed})`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => fail(`ended by ${signal}`));
await main().catch((error) => fail(error.stack ?? error));
