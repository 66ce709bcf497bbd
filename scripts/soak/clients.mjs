// The clients of the soak: they come, go, stall and reset at random, and check what they are sent.
import { once } from "node:events";
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Checker } from "./checker.mjs";
import { Random } from "./random.mjs";

const [port, seconds, seed] = process.argv.slice(2).map(Number);
const random = new Random(seed);
const deadline = performance.now() + seconds * 1000;
const agent = new Agent({ keepAlive: true, maxFreeSockets: 1000 });
/** How many of each kind are there at any time. */
const crowd = { resident: 20, visitor: 120, leaver: 40, staller: 6 };
const report = { sessions: { resident: 0, visitor: 0, leaver: 0, staller: 0 }, events: 0 };
const failures = [];
let count = 0;

function request(kind, options) {
  const secret = `${kind}-${count++}-${random.between(0, 2 ** 30).toString(36)}`;
  const group = random.between(0, 4);
  // One in five goes through Node's streams.
  const transport = random.chance(0.2) ? "stream" : "auto";
  const asked = { policy: "disconnect", limit: 32 << 20, lifetime: 0, ...options };
  const query = new URLSearchParams({ secret, group, transport, ...asked });
  return { secret, group, path: `/?${query}` };
}

/** The response, with a checker that reads it; undefined when an idle connection was gone already. */
async function open({ secret, group, path }, { mayMiss = false, reuse = false } = {}) {
  const checker = new Checker({ secret, group, mayMiss });
  const asking = get({ port, path, agent: reuse ? agent : false });
  try {
    const [response] = await once(asking, "response");
    const ended = new Promise((resolve) => response.once("close", resolve));
    response.on("data", (bytes) => checker.feed(bytes)).on("error", () => {});
    return { response, checker, ended };
  } catch (error) {
    if (!asking.reusedSocket) failures.push(`${secret} was not answered: ${error.message}`);
    return undefined;
  }
}

/** Adds what a client has seen; one that did not go by itself has been sent everything. */
function note({ checker, response }, kind, secret, isWhole) {
  report.sessions[kind]++;
  report.events += checker.checked;
  if (checker.failure) failures.push(checker.failure);
  else if (isWhole && !(checker.saidBye && response.complete)) {
    failures.push(`${secret} was not sent everything: ${checker.checked} events`);
  }
}

/** Stays until the server ends the session. */
async function stay(kind, lifetime) {
  const asked = request(kind, { lifetime });
  const opened = await open(asked, { reuse: true });
  if (!opened) return;
  await opened.ended;
  note(opened, kind, asked.secret, true);
}

/** Goes when it likes, at times in the middle of an event. */
async function leave() {
  const asked = request("leaver");
  const opened = await open(asked);
  if (!opened) return;
  await sleep(random.between(0, 2000));
  const { socket } = opened.response;
  if (random.chance(0.5)) socket.resetAndDestroy();
  else socket.destroy();
  await opened.ended;
  note(opened, "leaver", asked.secret, false);
}

/** Stops reading while a lot is sent; then reads on, unless it was cut, or goes. */
async function stall() {
  const policy = random.pick(["disconnect", "drop-oldest", "drop-newest", "timeout"]);
  const asked = request("staller", { policy, limit: 256 << 10, flood: 1, lifetime: 4000 });
  const opened = await open(asked, { mayMiss: true });
  if (!opened) return;
  await sleep(random.between(0, 100));
  opened.response.pause();
  await sleep(random.between(100, 2500));
  opened.response.resume();
  if (random.chance(0.3)) opened.response.socket?.resetAndDestroy();
  await opened.ended;
  note(opened, "staller", asked.secret, false);
}

const lives = {
  resident: () => stay("resident", 0),
  visitor: () => stay("visitor", random.between(20, 5000)),
  leaver: leave,
  staller: stall,
};

async function slot(kind) {
  // Not all in the same moment.
  await sleep(random.between(0, 500));
  do {
    await lives[kind]();
  } while (performance.now() < deadline && kind !== "resident");
}

const slots = (kind) => Array.from({ length: crowd[kind] }, () => slot(kind));

const residents = slots("resident");
await Promise.all(["visitor", "leaver", "staller"].flatMap(slots));
process.send({ isOver: true });
// The residents stay until the server shuts down.
await Promise.all(residents);
process.send({ ...report, failures });
agent.destroy();
process.disconnect();
