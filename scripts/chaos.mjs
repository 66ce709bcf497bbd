// Kills servers and Redis while one channel is broadcast to the clients of all servers, through nginx, and checks
// that after all have come back every client has every event once and in order, or was told of a gap. Meanwhile
// generations run on the servers, and each watcher has to get all parts once and in order, or what there is and
// the error that the producer was lost, within the lease.
// Usage: npm run chaos -- [--seconds 60] [--clients 2000] [--seed N] [--forgetful]
//          --forgetful: Redis comes back empty, so that there are gaps; else it has what it said to have
//        node scripts/chaos.mjs --self-test   shows that the checkers find what they are there to find
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { endAll, freePorts, message, Redis, startNginx, startNode } from "./chaos/processes.mjs";
import { channelReport, generationsReport, list } from "./chaos/report.mjs";
import { Servers } from "./chaos/servers.mjs";
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
const servers = new Servers(ports, [redisPort, maxLength], random);
/** When Redis was away, in ms since 1970. */
const away = [];
let isOver = false;

function fail(what) {
  console.error(`chaos: ${what} (seed ${seed})`);
  endAll();
  process.exit(1);
}

/** Kills servers, each replaced a little later, and Redis once in the middle. */
async function killAtRandom() {
  const began = performance.now();
  const at = async (second) => sleep(Math.max(0, began + second * 1000 - performance.now()));
  const killings = async () => {
    for (let second = killEvery; second < seconds; second += killEvery) {
      await at(second);
      await servers.replaceOne();
    }
  };
  const redisKilling = async () => {
    await at(seconds / 2 + random.between(-2, 2));
    const from = Date.now();
    await redis.kill();
    await sleep(random.between(200, 2000));
    await redis.start();
    away.push({ from, to: Date.now() });
  };
  await Promise.all([killings(), redisKilling()]);
}

function startClients(name, args) {
  const child = startNode(name, args);
  child.once("exit", (code, signal) => {
    if (code !== 0 && !isOver) fail(`the process of the ${name} ended by ${code ?? signal}`);
  });
  return child;
}

async function order(broadcaster, name, rest) {
  broadcaster.send({ order: name, ...rest });
  return message(broadcaster);
}

/** Starts all, broadcasts and kills; returns what there is to tell of it. */
async function run() {
  await redis.start();
  await servers.start();
  await startNginx({ port: nginxPort, ports });
  const broadcaster = startNode("broadcaster", [redisPort, maxLength, perSecond]);
  await message(broadcaster);
  const watchers = startClients("watchers", [nginxPort, redisPort, seed + 2]);
  await message(watchers);
  const clients = startClients("clients", [nginxPort, clientCount, seed + 1]);
  const reported = Promise.all([message(clients), message(watchers)]);

  const began = performance.now();
  const say = (what) =>
    console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s: ${what}`);
  const { presence } = await order(broadcaster, "presence", { sessions: clientCount });
  say("all clients are there");
  await order(broadcaster, "first");
  servers.broadcast();
  watchers.send({ seconds });
  const [{ number }] = await Promise.all([order(broadcaster, "run", { seconds }), killAtRandom()]);
  const lastAt = Date.now();
  say(`all is broadcast, after ${list(killings())} were killed`);
  await order(broadcaster, "bye", { next: servers.published });
  return { presence, number, lastAt, reports: await reported };
}

const killings = () => ({ servers: Object.keys(servers.killed).length, redis: away.length });

async function main() {
  console.log(`chaos: ${seconds} s, ${clientCount} clients, seed ${seed}`);
  const limit = setTimeout(() => fail("it did not come to its end"), (seconds + patience) * 1000);
  const { presence, number, lastAt, reports } = await run();
  isOver = true;
  clearTimeout(limit);
  endAll();

  const { killed, finished, lives } = servers;
  const [clients, watchers] = reports;
  const found = [
    channelReport(clients, { number, lives, clientCount, isForgetful, lastAt }),
    generationsReport(watchers, { killed, finished, away, isForgetful }),
  ];
  console.log(`killed:      ${list(killings())}`);
  console.log(
    `sessions:    ${presence.sessions} in ${presence.processes} processes at first, lives ${lives} of servers`,
  );
  for (const { lines, failures } of found) {
    for (const line of lines) console.log(line);
    for (const failure of failures.slice(0, 10)) console.error(`chaos: ${failure}`);
  }
  const wrong = { "nothing was killed": Object.values(killings()).includes(0) };
  for (const { faults } of found) Object.assign(wrong, faults);
  const faults = Object.keys(wrong).filter((what) => wrong[what]);
  for (const fault of faults) console.error(`chaos: ${fault}`);
  console.log(faults.length === 0 ? "chaos: passed" : `chaos: failed (seed ${seed})`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => fail(`ended by ${signal}`));
await main().catch((error) => fail(error.stack ?? error));
