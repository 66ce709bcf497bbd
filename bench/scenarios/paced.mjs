import { checkRatio } from "../harness/check.mjs";
import { isAside } from "../harness/contenders.mjs";
import { microseconds, nanoseconds, share } from "../harness/format.mjs";
import { phase, withServer } from "../harness/run.mjs";
import { burstContenders } from "./burst.mjs";

const interval = 10;
const title = (o) =>
  `\`paced\`: ${o.size(2000)} sessions x 100 broadcasts, ${interval} ms apart: CPU per delivery`;

function paced(contender, sessions) {
  const [warmUp, broadcasts] = [20, 100];
  const options = { connections: sessions, phases: [warmUp, broadcasts] };
  return withServer(contender, options, async (both) => {
    await phase(both, "broadcast", { count: warmUp, interval });
    const result = await phase(both, "broadcast", { count: broadcasts, interval });
    const { cpu, events, elu, latency } = result;
    return { cpuPerDelivery: cpu / events, elu, p50: latency.p50, p99: latency.p99 };
  });
}

export default {
  name: "paced",
  title,
  rounds: 5,
  about:
    "CPU time of the server's process, all its threads, user and system, from the first broadcast to the last arrival. Nothing to coalesce for a server that keeps up.",
  metrics: [
    { key: "cpuPerDelivery", label: "CPU per delivery", format: microseconds },
    { key: "elu", label: "event-loop utilisation", format: share },
    { key: "p50", label: "latency p50", format: nanoseconds },
    { key: "p99", label: "latency p99", format: nanoseconds },
  ],
  jobs: (o) =>
    burstContenders.map((contender) => ({
      contender,
      once: isAside(contender),
      run: () => paced(contender, o.size(2000)),
    })),
  checks(samples, o) {
    const common = {
      samples,
      scenario: title(o),
      of: "ours",
      metric: "cpuPerDelivery",
      format: microseconds,
      sense: "atMost",
    };
    return [
      checkRatio({
        ...common,
        id: "paced-send",
        must: "<= 1.25x the send(2) loop",
        to: "send-loop",
        limit: 1.25,
      }),
      checkRatio({
        ...common,
        id: "paced-better-sse",
        must: "<= 0.45x better-sse",
        to: "better-sse",
        limit: 0.45,
      }),
    ];
  },
};
