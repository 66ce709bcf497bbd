import { checkRatio } from "../harness/check.mjs";
import { isAside } from "../harness/contenders.mjs";
import { microseconds, nanoseconds, perSecond } from "../harness/format.mjs";
import { phase, withServer } from "../harness/run.mjs";

const title = (o) =>
  `\`burst\`: ${o.size(1000)} sessions x ${o.size(1000)} broadcasts, one per loop turn`;
export const burstContenders = [
  "ours",
  "better-sse",
  "hand-written",
  "ours-stream",
  "published",
  "hono",
  "send-loop",
  "nchan",
];

/** Deliveries per second, from the first broadcast to the last arrival at the client. */
export function burst(contender, sessions, broadcasts) {
  const warmUp = Math.ceil(broadcasts / 10);
  const options = { connections: sessions, phases: [warmUp, broadcasts] };
  return withServer(contender, options, async (both) => {
    await phase(both, "broadcast", { count: warmUp });
    const { rate, seconds, cpu, events, blocked } = await phase(both, "broadcast", {
      count: broadcasts,
    });
    return { rate, seconds, cpuPerDelivery: cpu / events, blocked };
  });
}

export default {
  name: "burst",
  title,
  rounds: 3,
  about:
    "Deliveries per second at the client, from the first broadcast to the last arrival; after a tenth as many broadcasts to warm up.",
  metrics: [
    { key: "rate", label: "deliveries", format: perSecond },
    { key: "cpuPerDelivery", label: "server CPU per delivery", format: microseconds },
    { key: "blocked", label: "time in broadcast(), median", format: nanoseconds },
  ],
  jobs: (o) =>
    burstContenders.map((contender) => ({
      contender,
      once: isAside(contender),
      run: () => burst(contender, o.size(1000), o.size(1000)),
    })),
  checks(samples, o) {
    const common = {
      samples,
      scenario: title(o),
      of: "ours",
      metric: "rate",
      format: perSecond,
      sense: "atLeast",
    };
    return [
      checkRatio({
        ...common,
        id: "burst-better-sse",
        must: ">= 30x better-sse's deliveries/s",
        to: "better-sse",
        limit: 30,
      }),
      checkRatio({
        ...common,
        id: "burst-hand-written",
        must: ">= 10x hand-written",
        to: "hand-written",
        limit: 10,
      }),
    ];
  },
};
