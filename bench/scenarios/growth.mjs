import { check } from "../harness/check.mjs";
import { contenders } from "../harness/contenders.mjs";
import { perSecond } from "../harness/format.mjs";
import { burst } from "./burst.mjs";

const sizes = (o) => [1000, 5000, 10000, 20000].map(o.size);

const measured = ["ours", "nchan", "send-loop", "hand-written", "better-sse"];

/** For the servers that would take minutes; their rate does not depend on it. */
const DELIVERIES = 250_000;

function broadcastsOf(contender, sessions, quick) {
  const count = contender === "ours" ? 1000 : Math.ceil(DELIVERIES / sessions);
  return quick ? Math.ceil(count / 10) : count;
}

async function grow(contender, sessions, broadcasts) {
  return { sessions, ...(await burst(contender, sessions, broadcasts)) };
}

/** The sizes that the limit of open files allows, the last one cut down to it. */
function allowed(o, contender) {
  const most = o.mostSessions(contenders[contender].descriptors ?? 1);
  const whole = sizes(o).filter((size) => size <= most);
  return whole.length < sizes(o).length && most > 1.2 * whole.at(-1) ? [...whole, most] : whole;
}

export default {
  name: "growth",
  title: (o) => `Growth: \`burst\` at ${sizes(o).join(", ")} sessions`,
  rounds: 2,
  about: `Deliveries per second as in \`burst\`: 1000 broadcasts of stream-llm's, of the others as many as make ${DELIVERIES} deliveries.`,
  variant: "sessions",
  metrics: [{ key: "rate", label: "deliveries", format: perSecond }],
  jobs: (o) =>
    measured.flatMap((contender) =>
      allowed(o, contender).map((sessions) => ({
        contender,
        variant: `${sessions}`,
        once: contender !== "ours",
        run: () => grow(contender, sessions, broadcastsOf(contender, sessions, o.quick)),
      })),
    ),
  checks(samples, o) {
    const reached = allowed(o, "ours");
    const [first, last] = [sizes(o)[0], reached.at(-1)];
    const [a, b] = [first, last].map((size) => samples.median("ours", "rate", `${size}`));
    const text = (value) => (value === undefined ? "not measured" : perSecond(value));
    const short = last < sizes(o).at(-1);
    return [
      check({
        id: "growth",
        scenario: `Growth: \`burst\`, deliveries/s at ${last} sessions${short ? ` (not ${sizes(o).at(-1)}: ${o.limitText})` : ""}`,
        must: `>= 0.7x that at ${first}`,
        value: b / a,
        sense: "atLeast",
        limit: 0.7,
        measured: `${text(b)} : ${text(a)}`,
      }),
    ];
  },
};
