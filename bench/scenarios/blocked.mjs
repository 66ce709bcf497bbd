import { check } from "../harness/check.mjs";
import { contenders, isAside } from "../harness/contenders.mjs";
import { nanoseconds, times } from "../harness/format.mjs";
import { phase, withServer } from "../harness/run.mjs";

const title = "Event loop blocked per broadcast";
const measured = ["ours", "better-sse", "hand-written", "ours-stream", "published", "hono"];

const sizes = (o) => [o.size(1000), o.size(10000)];

/**
 * "busy": one broadcast per loop turn, code and data in the processor's caches. "after a pause": each
 * waits until the slowest server has sent the last one, and finds the caches cold.
 */
const paces = {
  busy: { interval: 0, count: 60 },
  "after a pause": { interval: 250, count: 15 },
};
const variantOf = (sessions, pace) => `${sessions}, ${pace}`;

function blocked(contender, sessions, pace) {
  const { interval, count } = paces[pace];
  const warmUp = 5;
  const options = { connections: sessions, phases: [warmUp, count] };
  return withServer(contender, options, async (both) => {
    await phase(both, "broadcast", { count: warmUp, interval });
    const result = await phase(both, "broadcast", { count, interval });
    return { sessions, pace, blocked: result.blocked, blocked99: result.blocked99 };
  });
}

/** Every contender at one size and pace, so that they take turns. */
function jobsOf(wanted, pace, o) {
  return measured.map((contender) => {
    const most = o.mostSessions(contenders[contender].descriptors ?? 1);
    return {
      contender,
      variant: variantOf(wanted, pace),
      once: isAside(contender),
      run: () => blocked(contender, Math.min(wanted, most), pace),
    };
  });
}

/** The three requirements at one pace. */
function checksOf(samples, o, pace) {
  const variants = sizes(o).map((sessions) => variantOf(sessions, pace));
  const values = variants.map((variant) => samples.median("ours", "blocked", variant));
  const text = (value) => (value === undefined ? "not measured" : nanoseconds(value));
  const absolute = variants.map((variant, i) =>
    check({
      id: `blocked-${sizes(o)[i]}-${pace}`,
      scenario: `${title}, sessions: ${variant}${o.shortOf(samples, "ours", variant, sizes(o)[i])}`,
      must: "<= 20 us median",
      value: values[i] === undefined ? undefined : values[i] / 1e3,
      sense: "atMost",
      limit: 20,
      measured: text(values[i]),
      ratio: `${times(samples.ratio("ours", "better-sse", "blocked", variant))} of better-sse`,
    }),
  );
  const growth = check({
    id: `blocked-growth-${pace}`,
    scenario: `${title}, growth from ${sizes(o).join(" to ")} sessions, ${pace}`,
    must: "<= 1.5x",
    value: values[1] / values[0],
    sense: "atMost",
    limit: 1.5,
    measured: values.map(text).join(" to "),
  });
  return [...absolute, growth];
}

export default {
  name: "blocked",
  title: () => title,
  rounds: 2,
  about:
    "Time inside `broadcast()`, median over the broadcasts; `busy`: one per loop turn, else 250 ms after the last, with cold caches. For libraries that write on the event loop, what the loop does afterwards (callbacks of the writes) comes on top and is not counted here.",
  variant: "sessions",
  metrics: [
    { key: "blocked", label: "median", format: nanoseconds },
    { key: "blocked99", label: "p99", format: nanoseconds },
  ],
  jobs: (o) =>
    sizes(o).flatMap((wanted) => Object.keys(paces).flatMap((pace) => jobsOf(wanted, pace, o))),
  checks: (samples, o) => Object.keys(paces).flatMap((pace) => checksOf(samples, o, pace)),
};
