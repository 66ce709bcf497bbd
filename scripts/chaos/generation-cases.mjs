// What watchers of a generation are sent when nothing is wrong, and when something is.
import { leaseMs, marginMs, partText } from "./generation.mjs";
import { faultOf, WatcherChecker } from "./generation-checker.mjs";
import { generationsReport } from "./report.mjs";

const parts = 4;
const event = (name, data, id) => ({ event: name, id, data: JSON.stringify(data) });
const token = (...numbers) =>
  event("token", { token: numbers.map(partText).join("") }, `run.${numbers.at(-1) + 1}`);
const start = event("start", {}, "run.0");
const done = event("done", {}, "run.6");
const lost = event("error", { code: "PRODUCER_LOST" }, "run.3.lost");
const gap = event("gap", { reason: "unknown-id" });
/** Not sent: the connection broke here. */
const broken = (checker) => checker.broke();
const answered = (status) => (checker) => checker.refused(status);

const whole = [start, token(0), token(1), token(2), token(3), done];
const cut = [start, token(0), token(1), lost];
const without = (at) => whole.toSpliced(at, 1);
/** As those get the beginning who come later: in one event, with the id on what is last. */
const late = [{ ...start, id: undefined }, token(0, 1, 2), token(3), done];
const unsaid = { ...token(0, 1), id: undefined };

const stored = { end: "finished", count: parts };
const finished = { finishedAt: 0, stored, awayMs: 0 };
const killed = { killedAt: 0, stored: { end: "producer-lost", count: 2 }, awayMs: 0 };
const limit = leaseMs + marginMs;

/** Each case: what is sent; what is known of the generation; what is to be reported; told after how many ms. */
const cases = {
  "a whole generation": [whole, finished],
  "a generation from its middle": [late, finished],
  "a beginning that is cut off": [[late[0], unsaid, broken, ...late], finished],
  "a connection that broke": [whole.toSpliced(3, 0, broken), finished],
  "a lost part": [without(2), finished, /^got part 2 where 1 should be$/],
  "a lost part in one that came late": [
    [start, token(0, 2), token(3), done],
    finished,
    /^got part 2 where 1 should be$/,
  ],
  "a lost last part": [without(4), finished, /^got done after 3 of 4 parts$/],
  "a doubled part": [whole.toSpliced(2, 0, token(0)), finished, /^got part 0 where 1 should be$/],
  "a part that comes again after a break": [
    whole.toSpliced(3, 0, broken, token(1)),
    finished,
    /^got part 1 where 2 should be$/,
  ],
  "parts out of order": [[start, token(1), token(0)], finished, /^got part 1 where 0 should be$/],
  "a part that is cut": [[start, event("token", { token: "0" })], finished, /no whole part$/],
  "a watcher that is never told": [whole.slice(0, -1), finished, /^was never told of an end$/],
  "a watcher that is never told of the loss": [
    cut.slice(0, -1),
    killed,
    /^was never told of an end$/,
  ],
  "a watcher that is told late": [whole, finished, /^was told after \d+ ms$/, limit + 1],
  "a watcher that is sent away with less": [
    [...cut.slice(0, -1), broken, answered(204)],
    finished,
    /^got told that it has all$/,
  ],
  "a generation that nobody knows": [
    [start, broken, answered(404)],
    finished,
    /^was told gone, and the store has finished$/,
  ],
  "a loss": [cut, killed, undefined, limit],
  "a loss that is told late": [cut, killed, /^was told after \d+ ms$/, limit + 1],
  "a loss that is told late as Redis was away": [
    ...[cut, { ...killed, awayMs: 1000 }, undefined],
    limit + 1000,
  ],
  "a loss of what was not killed": [
    cut,
    { ...killed, killedAt: undefined },
    /^was told producer-lost of a producer that lived$/,
  ],
  "a loss before the kill": [cut, killed, /^was told producer-lost of a producer that lived$/, -1],
  "a loss of what was finished": [
    cut,
    { ...killed, finishedAt: 0 },
    /^was told producer-lost, though its producer has finished it$/,
  ],
  "a loss that the store does not have": [
    cut,
    { ...killed, stored },
    /^was told producer-lost, and the store has finished$/,
  ],
  "a loss with less than the store has": [
    [start, token(0), lost],
    killed,
    /^has 1 parts, and the store 2$/,
  ],
  "a loss with more than the store has": [
    [...whole.slice(0, -1), lost],
    killed,
    /^has 4 parts, and the store 2$/,
  ],
  "a client that had more than the store": [[...whole.slice(0, 4), broken, gap, ...cut], killed],
  "a gap where nothing was lost": [
    [...whole.slice(0, 3), broken, gap, ...whole],
    finished,
    /^began anew, though all was there$/,
  ],
  "a lost part after a gap": [
    [...whole.slice(0, 3), broken, gap, ...without(2)],
    killed,
    /^got part 2 where 1 should be$/,
  ],
  "another error than the loss": [
    [start, event("error", { code: "STORE_ERROR" })],
    killed,
    /^was told store-error, and the store has producer-lost$/,
  ],
  "what Redis has forgotten": [
    [start, token(0), broken, answered(404)],
    { ...finished, isForgotten: true },
  ],
  "a part that is lost though Redis has forgotten it": [
    [start, token(1), broken, answered(404)],
    { ...finished, isForgotten: true },
    /^got part 1 where 0 should be$/,
  ],
};

function faultOfCase([sent, generation, expected, toldAfter = 0]) {
  const checker = new WatcherChecker(parts);
  for (const each of sent) {
    if (typeof each === "function") each(checker);
    else checker.take(each);
  }
  const { failure, end, count, gaps } = checker;
  const watcher = { failure, end, count, gaps, begunAt: -1000, endedAt: toldAfter };
  return { expected, failure: faultOf(watcher, generation) };
}

const watcher = { end: "finished", count: parts, gaps: 0, begunAt: 0, endedAt: 1, brokenBy: [] };
const ran = { id: "a", life: "one", parts, startedAt: 0, stored };
const run = { killed: { one: 1, two: 1 }, finished: {}, away: [], isForgetful: false };
const oneMoved = { ...ran, watchers: [{ ...watcher, brokenBy: ["two"] }] };
const oneLost = {
  ...{ ...ran, stored: killed.stored },
  watchers: [{ ...watcher, ...killed.stored, endedAt: 2 }],
};
/** Each case: the generations of a run, and what is to be reported. */
const runs = {
  "a run that hit both": [[oneMoved, oneLost], undefined],
  "a run that hit no producer": [[oneMoved], /^no generation lost its server$/],
  "a run that hit no watcher": [[oneLost], /^no watcher lost its server and has all$/],
  "a run that hit a watcher's producer alone": [
    [oneLost, { ...ran, watchers: [{ ...watcher, brokenBy: ["one"] }] }],
    /^no watcher lost its server and has all$/,
  ],
  "a run with one who was not told": [
    [oneMoved, { ...oneLost, watchers: [...oneLost.watchers, { ...watcher, end: undefined }] }],
    /^1 watchers lack parts, .* or were not told the end$/,
  ],
};

function faultOfRun([generations, expected]) {
  const { faults } = generationsReport({ generations, refused: {} }, run);
  return { expected, failure: Object.keys(faults).find((what) => faults[what]) };
}

/** What is reported for each. */
export function generationCases() {
  return [
    ...Object.entries(cases).map(([name, each]) => ({ name, ...faultOfCase(each) })),
    ...Object.entries(runs).map(([name, each]) => ({ name, ...faultOfRun(each) })),
  ];
}
