import { checkRatio } from "../harness/check.mjs";
import { isAside } from "../harness/contenders.mjs";
import { microseconds, perSecond } from "../harness/format.mjs";
import { phase, withServer } from "../harness/run.mjs";

const title = (o) =>
  `\`createResponse\` under \`@hono/node-server\`: ${o.size(500)} sessions, ${o.size(500)} pushes to each, one per loop turn`;
const measured = ["hono-ours", "hono-better-sse", "hono", "hono-published"];

function pushes(contender, sessions, count) {
  const warmUp = Math.ceil(count / 10);
  const options = { connections: sessions, phases: [warmUp, count] };
  return withServer(contender, options, async (both) => {
    await phase(both, "pushEach", { count: warmUp });
    const { rate, cpu, events } = await phase(both, "pushEach", { count });
    return { rate, cpuPerPush: cpu / events };
  });
}

export default {
  name: "hono",
  title,
  rounds: 3,
  about: "Pushes per second that arrive at the client, from the first push to the last arrival.",
  metrics: [
    { key: "rate", label: "pushes", format: perSecond },
    { key: "cpuPerPush", label: "CPU per push", format: microseconds },
  ],
  jobs: (o) =>
    measured.map((contender) => ({
      contender,
      once: isAside(contender),
      run: () => pushes(contender, o.size(500), o.size(500)),
    })),
  checks: (samples, o) => [
    checkRatio({
      samples,
      id: "hono",
      scenario: `${title(o)}: pushes/s`,
      must: ">= 2x better-sse's",
      of: "hono-ours",
      to: "hono-better-sse",
      metric: "rate",
      format: perSecond,
      sense: "atLeast",
      limit: 2,
    }),
  ],
};
