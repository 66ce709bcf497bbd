import { checkRatio } from "../harness/check.mjs";
import { isAside } from "../harness/contenders.mjs";
import { microseconds, nanoseconds, share } from "../harness/format.mjs";
import { phase, withServer } from "../harness/run.mjs";

const period = 20;
const title = (o) => `\`tokens\`: ${o.size(1000)} sessions, one push each every ${period} ms`;
const measured = [
  ...["ours", "better-sse", "hand-written", "send-loop"],
  ...["ours-stream", "published", "hono"],
];

function tokens(contender, sessions, duration) {
  const warmUp = 1000;
  const options = { connections: sessions, phases: [warmUp / period, duration / period] };
  return withServer(contender, options, async (both) => {
    await phase(both, "tokens", { period, duration: warmUp });
    const { cpu, events, elu, latency } = await phase(both, "tokens", { period, duration });
    return { cpuPerPush: cpu / events, elu, p50: latency.p50, p99: latency.p99 };
  });
}

export default {
  name: "tokens",
  title,
  rounds: 2,
  about:
    "Token streams at 50 tokens/s each, spread evenly over the period as independent streams are (a timer every ms pushes to the sessions that are due). The send(2) loop sends the same bytes at the same times, and nothing else: what the kernel asks for.",
  metrics: [
    { key: "cpuPerPush", label: "CPU per push", format: microseconds },
    { key: "elu", label: "event-loop utilisation", format: share },
    { key: "p50", label: "latency p50", format: nanoseconds },
    { key: "p99", label: "latency p99", format: nanoseconds },
  ],
  jobs: (o) =>
    measured.map((contender) => ({
      contender,
      once: isAside(contender),
      run: () => tokens(contender, o.size(1000), o.quick ? 2000 : 10000),
    })),
  checks(samples, o) {
    const common = { samples, scenario: title(o), of: "ours", to: "better-sse", sense: "atMost" };
    return [
      checkRatio({
        ...common,
        id: "tokens-cpu",
        must: "CPU per push <= 0.4x better-sse",
        metric: "cpuPerPush",
        format: microseconds,
        limit: 0.4,
      }),
      checkRatio({
        ...common,
        id: "tokens-elu",
        must: "event-loop utilisation <= 0.25x better-sse",
        metric: "elu",
        format: share,
        limit: 0.25,
      }),
    ];
  },
};
