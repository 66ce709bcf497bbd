// Kills servers and Redis while one channel is broadcast to the clients of all servers, through nginx, and checks
// that after all have come back every client has every event once and in order, or was told of a gap. The same for
// generations that run on the servers: each watcher has to get all parts once and in order, or those that there are
// and, within the lease, the error that the producer was lost. They run beside the broadcasts where there are few
// clients, else after them: no lease is kept while two cores have 2000 clients to serve.
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
/** With more clients generations wait for the end of the broadcasts. */
const mostBeside = 300;

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

const killings = () => ({ servers: Object.keys(servers.killed).length, redis: away.length });

const began = performance.now();
function say(what) {
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s: ${what}`);
}

/** Kills servers, each replaced a little later, and Redis once in the middle. */
async function killAtRandom() {
  const from = performance.now();
  const at = async (second) => sleep(Math.max(0, from + second * 1000 - performance.now()));
  const serverKilling = async () => {
    for (let second = killEvery; second < seconds; second += killEvery) {
      await at(second);
      await servers.replaceOne();
    }
  };
  const redisKilling = async () => {
    await at(seconds / 2 + random.between(-2, 2));
    const killedAt = Date.now();
    await redis.kill();
    await sleep(random.between(200, 2000));
    await redis.start();
    away.push({ from: killedAt, to: Date.now() });
  };
  await Promise.all([serverKilling(), redisKilling()]);
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

/** Returns what the clients report, the number of broadcasts, and when the last one was. */
async function broadcastAll(broadcaster, clients, killing) {
  const reported = message(clients);
  await order(broadcaster, "first");
  servers.broadcast();
  const [{ number }] = await Promise.all([order(broadcaster, "run", { seconds }), killing]);
  const lastAt = Date.now();
  say(`all is broadcast, after ${list(killings())} were killed`);
  await order(broadcaster, "bye", { next: servers.published });
  return { report: await reported, number, lastAt };
}

/** Returns what the watchers report. */
async function generateAll(watchers, killing) {
  const reported = message(watchers);
  watchers.send({ seconds });
  await killing;
  say(`no generation is started any more, after ${list(killings())} were killed`);
  return reported;
}

/** Returns what there is to tell of broadcasts and of generations. */
async function run() {
  await redis.start();
  await servers.start();
  await startNginx({ port: nginxPort, ports });
  const broadcaster = startNode("broadcaster", [redisPort, maxLength, perSecond]);
  await message(broadcaster);
  const watchers = startClients("watchers", [nginxPort, redisPort, seed + 2]);
  await message(watchers);
  const clients = startClients("clients", [nginxPort, clientCount, seed + 1]);
  const { presence } = await order(broadcaster, "presence", { sessions: clientCount });
  say(`all clients are there, ${presence.sessions} in ${presence.processes} processes`);

  const killing = killAtRandom();
  const broadcasting = broadcastAll(broadcaster, clients, killing);
  if (clientCount > mostBeside) await broadcasting;
  const generating = generateAll(watchers, clientCount > mostBeside ? killAtRandom() : killing);
  return Promise.all([broadcasting, generating]);
}

async function main() {
  console.log(`chaos: ${seconds} s, ${clientCount} clients, seed ${seed}`);
  const expire = () => fail("it did not come to its end");
  const limit = setTimeout(expire, (2 * seconds + patience) * 1000);
  const [{ report: clients, ...broadcasts }, watchers] = await run();
  isOver = true;
  clearTimeout(limit);
  endAll();

  const { killed, finished, lives } = servers;
  const found = [
    channelReport(clients, { ...broadcasts, lives, clientCount, isForgetful }),
    generationsReport(watchers, { killed, finished, away, isForgetful }),
  ];
  console.log(`killed:      ${list(killings())}`);
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
