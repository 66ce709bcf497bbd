// What the chaos run has found: lines to print, what was wrong with clients, and what is a fault of the whole.
import { leaseMs, marginMs } from "./generation.mjs";
import { faultOf } from "./generation-checker.mjs";

/** As in "servers 2, redis 1". */
export function list(all) {
  return Object.entries(all)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/**
 * @param report what the process of the clients tells
 * @param run the `number` of broadcasts of one process, the last of them at `lastAt`; how many `lives`
 * servers had, how many clients there are, whether Redis `isForgetful`
 */
export function channelReport(report, { number, lives, clientCount, isForgetful, lastAt }) {
  const { checked, failures, gaps, refused, endedAt, ...connections } = report;
  return {
    lines: [
      `events:      ${number} broadcasts of one process, ${lives} lives of servers; ${checked} deliveries checked`,
      `clients:     ${list(connections)}, refused ${JSON.stringify(refused)}, told of ${gaps} gaps; all at the end ${seconds(endedAt - lastAt)} after the last event`,
    ],
    failures,
    faults: {
      [`${failures.length} clients lack events, or got some twice or out of order`]:
        failures.length > 0,
      "there was a gap, though Redis has lost nothing": gaps > 0 && !isForgetful,
      "there was no gap, though Redis has lost all": gaps === 0 && isForgetful,
      "no client's connection broke": report.connections <= clientCount,
    },
  };
}

/** For how many ms Redis was away while a generation ran. */
function awayMs({ startedAt, watchers }, away) {
  const endedAt = Math.max(...watchers.map((watcher) => watcher.endedAt ?? Infinity));
  const overlaps = away.map(({ from, to }) => Math.min(to, endedAt) - Math.max(from, startedAt));
  return sum(overlaps.map((ms) => Math.max(ms, 0)));
}

/** What there is to know of a generation beside what its watchers have; see `faultOf`. */
function factsOf(generation, { killed, finished, away, isForgetful }) {
  const { id, life, startedAt, stored } = generation;
  const { status, at } = finished[id] ?? {};
  return {
    killedAt: killed[life],
    finishedAt: status === "finished" ? at : undefined,
    stored,
    isForgotten: isForgetful && away.some(({ from }) => from >= startedAt),
    awayMs: awayMs(generation, away),
  };
}

/** Those who were told that the producer was lost, and after how many ms. */
function lossesOf({ life, watchers }, killed) {
  const told = watchers.filter(
    ({ end, begunAt, endedAt }) =>
      end === "producer-lost" && begunAt < killed[life] && endedAt > killed[life],
  );
  return told.map(({ endedAt }) => endedAt - killed[life]);
}

/** How many have all though another server than the producer's was killed while they were on it. */
function movedOf({ life, watchers }, killed) {
  const isMoved = ({ end, brokenBy }) =>
    end === "finished" && brokenBy.some((by) => by !== life && killed[by] !== undefined);
  return watchers.filter(isMoved).length;
}

function spread(sorted) {
  if (sorted.length === 0) return "none";
  const at = (part) => seconds(sorted[Math.floor(part * (sorted.length - 1))]);
  return list({ "at least": at(0), median: at(0.5), "at most": at(1) });
}

/**
 * @param report what the process of the watchers tells
 * @param run when servers were `killed`, by life; how generations `finished`, by id; when Redis was
 * `away` (`from`, `to`), and whether it `isForgetful`
 */
export function generationsReport(report, run) {
  const { generations, refusedStarts, refused, ...connections } = report;
  const { killed } = run;
  const failures = generations.flatMap((each) => {
    const facts = factsOf(each, run);
    return each.watchers.flatMap((watcher, at) => {
      const fault = faultOf(watcher, facts);
      return fault ? [`watcher ${at} of generation ${each.id} ${fault}`] : [];
    });
  });
  const ends = { finished: 0, "producer-lost": 0 };
  for (const { stored } of generations) ends[stored.end] = (ends[stored.end] ?? 0) + 1;
  const losses = generations.flatMap((each) => lossesOf(each, killed)).sort((a, b) => a - b);
  const moved = sum(generations.map((each) => movedOf(each, killed)));
  const watchers = generations.flatMap((each) => each.watchers);
  const total = (name) => sum(watchers.map((watcher) => watcher[name]));
  return {
    lines: [
      `generations: ${generations.length} started, ${list(ends)}; ${refusedStarts} could not be started`,
      `watchers:    ${watchers.length}, ${list(connections)}, refused ${JSON.stringify(refused)}; ${total("checked")} parts checked, ${total("gaps")} begun anew; ${moved} have all though their server was killed`,
      `losses:      told to ${losses.length} watchers, ${spread(losses)} after the kill, of ${seconds(leaseMs)} of the lease and ${seconds(marginMs)} beyond`,
    ],
    failures,
    faults: {
      [`${failures.length} watchers lack parts, got some twice or out of order, or were not told the end`]:
        failures.length > 0,
      // Where Redis has forgotten one, that is not a loss that can be told.
      "no generation lost its server": losses.length === 0 && !run.isForgetful,
      "no watcher lost its server and has all": moved === 0,
    },
  };
}
