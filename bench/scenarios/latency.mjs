import { checkRatio } from "../harness/check.mjs";
import { isAside } from "../harness/contenders.mjs";
import { nanoseconds, perSecond } from "../harness/format.mjs";
import { phase, withServer } from "../harness/run.mjs";
import { burst } from "./burst.mjs";

const measured = ["ours", "better-sse", "hand-written", "ours-stream", "send-loop", "nchan"];
let interval;
let capacity;

function latencyOf(contender, sessions, duration) {
  const count = Math.round(duration / interval);
  const options = { connections: sessions, phases: [20, count] };
  return withServer(contender, options, async (both) => {
    await phase(both, "broadcast", { count: 20, interval });
    const { latency } = await phase(both, "broadcast", { count, interval });
    return { ...latency, capacity, interval };
  });
}

export default {
  name: "latency",
  title: (o) =>
    `Latency at the client, \`paced\` at half of better-sse's capacity, ${o.size(2000)} sessions`,
  rounds: 3,
  about:
    "From the call of `broadcast()` to the arrival at each client, clients and server on the same machine. better-sse's capacity is its rate in `burst` in this run.",
  metrics: [
    { key: "p50", label: "p50", format: nanoseconds },
    { key: "p99", label: "p99", format: nanoseconds },
    { key: "max", label: "most", format: nanoseconds },
    { key: "capacity", label: "better-sse's capacity", format: perSecond },
  ],
  async prepare(o, results) {
    const samples = results.burst;
    capacity = samples?.median("better-sse", "rate");
    capacity ??= (await burst("better-sse", o.size(2000), 100)).rate;
    interval = (o.size(2000) / (capacity / 2)) * 1000;
  },
  jobs: (o) =>
    measured.map((contender) => ({
      contender,
      once: isAside(contender),
      run: () => latencyOf(contender, o.size(2000), o.quick ? 2000 : 5000),
    })),
  checks: (samples, o) => [
    checkRatio({
      samples,
      id: "latency-p99",
      scenario: `Latency at the client, \`paced\` at half of better-sse's capacity, ${o.size(2000)} sessions: p99`,
      must: "<= better-sse's",
      of: "ours",
      to: "better-sse",
      metric: "p99",
      format: nanoseconds,
      sense: "atMost",
      limit: 1,
    }),
  ],
};
