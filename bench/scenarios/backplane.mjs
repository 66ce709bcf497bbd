import { checkRatio } from "../harness/check.mjs";
import { microseconds, nanoseconds, perSecond } from "../harness/format.mjs";
import { phase, withServer } from "../harness/run.mjs";
import { burst } from "./burst.mjs";

const contenders = ["ours", "ours-redis"];
const title = (o) => `\`backplane\`: what Redis adds, ${o.size(1000)} sessions`;
/** Between broadcasts of the paced variant, in ms. */
const interval = 10;

function paced(contender, sessions, count) {
  const options = { connections: sessions, phases: [20, count] };
  return withServer(contender, options, async (both) => {
    await phase(both, "broadcast", { count: 20, interval });
    const { latency, cpu } = await phase(both, "broadcast", { count, interval });
    return { p50: latency.p50, p99: latency.p99, cpuPerBroadcast: cpu / count };
  });
}

export default {
  name: "backplane",
  title,
  rounds: 3,
  about:
    "One server whose broadcasts go through a Redis on the same machine and come back from there, beside the same without. `burst` as above; `paced`: 100 broadcasts a second, latency from the call of `broadcast()` to the arrival at each client. CPU is that of the server's process; Redis has its own.",
  variant: "pace",
  metrics: [
    { key: "rate", label: "deliveries", format: perSecond },
    { key: "p50", label: "latency p50", format: nanoseconds },
    { key: "p99", label: "p99", format: nanoseconds },
    { key: "cpuPerDelivery", label: "server CPU per delivery", format: microseconds },
    { key: "cpuPerBroadcast", label: "server CPU per broadcast", format: microseconds },
  ],
  jobs: (o) =>
    contenders.flatMap((contender) => [
      {
        contender,
        variant: "burst",
        run: () => burst(contender, o.size(1000), o.size(1000)),
      },
      {
        contender,
        variant: "paced",
        run: () => paced(contender, o.size(1000), o.quick ? 200 : 500),
      },
    ]),
  checks: (samples, o) => [
    checkRatio({
      samples,
      variant: "burst",
      id: "backplane-burst",
      scenario: `${title(o)}, burst`,
      must: ">= 0.8x of without",
      of: "ours-redis",
      to: "ours",
      metric: "rate",
      format: perSecond,
      sense: "atLeast",
      limit: 0.8,
    }),
  ],
};
