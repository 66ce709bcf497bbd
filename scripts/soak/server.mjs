// The server of the soak: sessions as the clients ask for them, 50 broadcasts/s, random pushes.
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer, get } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { closeAll, createChannel, createSession, engineStats } from "stream-llm";
import { Random } from "./random.mjs";

const broadcastsPerSecond = 50;
/** So much waits for a client that is to run into its write timeout, at most, in bytes. */
const mostOfTimeout = 2 << 20;

const random = new Random(Number(process.argv[2]));
const everyone = createChannel({ eventId: null });
const members = new Set();
/** Numbers of the next events of all, and of each group. */
const next = { all: 0, groups: [0, 0, 0, 0] };
const samples = [];
/** Sessions opened, by transport. */
const opened = { socket: 0, stream: 0 };
let pushes = 0;

const filling = (size) => "é".repeat(size / 2);

function push(member, event, data) {
  member.session.push({ secret: member.secret, ...data }, event);
  pushes++;
}

function pushOwn(member, size = random.between(0, 400)) {
  push(member, "own", { number: member.own++, filling: filling(size) });
}

async function pushBatch(member) {
  await member.session.batch((buffer) => {
    for (let count = random.between(1, 10); count > 0; count--) {
      buffer.push({ secret: member.secret, number: member.own++ }, "own");
    }
  });
}

const totals = ({ group, own }) => ({ next: { all: next.all, group: next.groups[group], own } });

function finish(member) {
  if (!member.session.isConnected) return;
  push(member, "bye", totals(member));
  void member.session.close();
}

async function open(req, res) {
  const query = Object.fromEntries(new URL(req.url, "http://soak").searchParams);
  const { secret, transport, policy } = query;
  const [lifetime, group] = [Number(query.lifetime), Number(query.group)];
  const session = await createSession(req, res, {
    ...{ retry: null, eventId: null, keepAlive: 300, transport, state: { group } },
    slowConsumer: policy === "timeout" ? "disconnect" : policy,
    maxBufferedBytes: policy === "timeout" ? 2 * mostOfTimeout : Number(query.limit),
    writeTimeout: policy === "timeout" ? 700 : 10_000,
  });
  const member = { session, secret, policy, group, own: 0, isFlooded: query.flood === "1" };
  opened[session.transport]++;
  push(member, "hello", totals(member));
  everyone.register(session);
  members.add(member);
  const timer = lifetime > 0 ? setTimeout(finish, lifetime, member) : undefined;
  session.once("disconnected", () => {
    clearTimeout(timer);
    members.delete(member);
  });
}

function broadcast() {
  everyone.broadcast({ number: next.all++, filling: filling(random.between(0, 200)) }, "all");
  if (next.all % 5 !== 0) return;
  const group = random.between(0, next.groups.length);
  const data = { group, number: next.groups[group]++ };
  everyone.broadcast(data, "group", { filter: ({ state }) => state.group === group });
}

/** More than a client that does not read can be sent. */
function flood(member) {
  const most = member.policy === "timeout" ? mostOfTimeout : Number.POSITIVE_INFINITY;
  if (member.session.bufferedBytes < most) pushOwn(member, 64 << 10);
}

function pushAtRandom() {
  for (const member of members) {
    if (!member.session.isConnected) continue;
    if (member.isFlooded) flood(member);
    else if (random.chance(0.1)) pushOwn(member);
    else if (random.chance(0.006)) pushOwn(member, 64 << 10);
    else if (random.chance(0.005)) void pushBatch(member);
    else if (random.chance(0.003)) for (let event = 0; event < 50; event++) pushOwn(member);
  }
}

const descriptors = () => readdirSync("/proc/self/fd").length;

function sample() {
  globalThis.gc();
  samples.push({ rss: process.memoryUsage().rss, descriptors: descriptors() });
}

/** Until the numbers are what they were, or it has become clear that they will not be. */
async function settle(isSettled) {
  for (let wait = 0; wait < 200 && !isSettled(); wait++) await sleep(50);
}

async function main() {
  const server = createServer((req, res) => void open(req, res));
  server.keepAliveTimeout = 120_000;
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 });
  await once(server, "listening");
  const { port } = server.address();

  // A first session, for what is made once: the engine's thread and its descriptors.
  const path = "/?secret=first&transport=auto&policy=disconnect&limit=1000000&lifetime=1&group=0";
  const [response] = await once(get({ port, path, agent: false }), "response");
  await text(response);
  await sleep(300);
  const before = descriptors();

  let due = performance.now();
  const timers = [
    setInterval(() => {
      for (; due <= performance.now(); due += 1000 / broadcastsPerSecond) broadcast();
      pushAtRandom();
    }, 10),
    setInterval(sample, 1000),
  ];
  process.send({ port });
  await once(process, "message");

  for (const timer of timers) clearInterval(timer);
  for (const member of members) finish(member);
  await closeAll({ event: "farewell", data: null, retry: 100, spread: 1000 });
  const closed = once(server, "close");
  server.close();
  const isClosed = await Promise.race([closed.then(() => true), sleep(10_000, false)]);
  await settle(() => descriptors() <= before - 1);
  // The listening socket has gone.
  const left = descriptors() - (before - 1);
  const sent = { broadcasts: next.all, pushes };
  process.send({ samples, left, isClosed, opened, ...sent, stats: engineStats() });
  process.disconnect();
}

await main();
