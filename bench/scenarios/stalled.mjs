import { check } from "../harness/check.mjs";
import { mebibytes, nanoseconds } from "../harness/format.mjs";
import { phase, smallYoungGeneration, withServer } from "../harness/run.mjs";

const limit = 1 << 20;
const bytes = 64 << 10;
const interval = 8;
const healthy = 100;
/** better-sse formats an event anew for each session: 100 of them would take minutes. */
const healthyOfPeer = 10;
const total = (o) => (o.quick ? 30 : 300) << 20;
const title = (o) =>
  `One stalled client, ${mebibytes(total(o))} broadcast to it and ${healthy} healthy ones`;
const [WITH, WITHOUT] = ["with a stalled client", "without"];
const PEER = `with a stalled client, ${healthyOfPeer} healthy`;

/**
 * Events of 64 KiB. The growth of resident memory is taken after garbage collection, while the stalled
 * client is still there.
 */
function stalled(contender, count, variant) {
  const warmUp = 50;
  const options = {
    connections: variant === PEER ? healthyOfPeer : healthy,
    stalled: variant === WITHOUT ? 0 : 1,
    phases: [warmUp, count - warmUp],
    flags: smallYoungGeneration,
  };
  const send = { bytes, interval };
  return withServer(contender, options, async (both) => {
    const before = await both.server.ask("memory");
    await both.server.ask("watchPeak");
    // Slower: TCP has to find out first how fast the connections are.
    await phase(both, "broadcast", { ...send, interval: 3 * interval, count: warmUp });
    const { latency, peak } = await phase(both, "broadcast", {
      ...send,
      count: count - warmUp,
    });
    const after = await both.server.ask("memory");
    return {
      growth: after.rss - before.rss,
      peak: peak - before.rss,
      p50: latency.p50,
      p99: latency.p99,
      stalledOpen: (await both.server.ask("connected")) - options.connections,
    };
  });
}

const measured = [
  ["ours-drop-oldest", [WITH, WITHOUT]],
  ["ours", [WITH]],
  ["better-sse", [PEER]],
];

export default {
  name: "stalled",
  title,
  rounds: 2,
  about: `Events of 64 KiB, ${interval} ms apart. With \`slowConsumer: "drop-oldest"\` and no write deadline the stalled client stays connected to the end; by default it is disconnected when 1 MiB waits.`,
  variant: "case",
  metrics: [
    { key: "growth", label: "growth of resident memory", format: mebibytes },
    { key: "peak", label: "its peak", format: mebibytes },
    { key: "p50", label: "healthy p50", format: nanoseconds },
    { key: "p99", label: "healthy p99", format: nanoseconds },
    { key: "stalledOpen", label: "stalled clients connected at the end", format: String },
  ],
  jobs: (o) =>
    measured.flatMap(([contender, variants]) =>
      variants.map((variant) => ({
        contender,
        variant,
        once: contender !== "ours-drop-oldest",
        run: () => stalled(contender, total(o) / bytes, variant),
      })),
    ),
  checks(samples, o) {
    const ours = "ours-drop-oldest";
    const growth = samples.median(ours, "growth", WITH) - samples.median(ours, "growth", WITHOUT);
    const [p99, alone] = [WITH, WITHOUT].map((variant) => samples.median(ours, "p99", variant));
    const peer = samples.median("better-sse", "growth", PEER);
    return [
      check({
        id: "stalled-memory",
        scenario: `${title(o)}: growth of resident memory over a run without it`,
        must: `<= its limit (${mebibytes(limit)}) + 4 MiB`,
        value: growth,
        sense: "atMost",
        limit: limit + (4 << 20),
        measured: `${mebibytes(growth)} (better-sse, ${PEER}: ${mebibytes(peer)})`,
        ratio: "-",
      }),
      check({
        id: "stalled-p99",
        scenario: `${title(o)}: healthy p99`,
        must: "within 1.2x of without it",
        value: p99 / alone,
        sense: "atMost",
        limit: 1.2,
        measured: `${nanoseconds(p99)} : ${nanoseconds(alone)}`,
      }),
    ];
  },
};
