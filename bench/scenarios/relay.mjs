import { checkRatio } from "../harness/check.mjs";
import { microseconds, share } from "../harness/format.mjs";
import { Provider } from "../harness/provider.mjs";
import { measured, withServer } from "../harness/run.mjs";
import { Witness } from "../harness/witness.mjs";

const title = (o) =>
  `\`relay\`: an OpenAI stream of ${o.size(1000)} tokens to ${o.size(200)} clients: CPU per token`;

/** How far apart the provider's tokens are, in ms. */
const paces = { "100 tokens/s": 10, "all at once": 0 };

async function relay(contender, clients, tokens, interval) {
  const provider = new Provider();
  const witness = new Witness();
  await provider.open();
  const warmUp = { count: tokens / 2, interval: 1 };
  const options = {
    connections: clients,
    phases: [warmUp.count, tokens],
    stamped: false,
    prepare: async (server) => {
      await server.ask("start", { url: provider.url });
      await witness.open(server.port);
    },
  };
  try {
    return await withServer(contender, options, async (both) => {
      await measured(both, () => provider.send(warmUp));
      const { cpu, elu } = await measured(both, () => provider.send({ count: tokens, interval }));
      await witness.check(provider.sent);
      if (provider.requests !== 1) throw new Error(`asked the provider ${provider.requests} times`);
      return { cpuPerToken: cpu / tokens, elu };
    });
  } finally {
    witness.close();
    provider.close();
  }
}

export default {
  name: "relay",
  title,
  rounds: 3,
  about:
    "CPU time of the server's process for each token of the provider: reading the provider's stream, encoding for OpenAI's clients, sending to all of them. Both send the same data; one more client compares each event's with what was meant.",
  variant: "provider's pace",
  metrics: [
    { key: "cpuPerToken", label: "CPU per token", format: microseconds },
    { key: "elu", label: "event-loop utilisation", format: share },
  ],
  jobs: (o) =>
    Object.entries(paces).flatMap(([variant, interval]) =>
      ["relay-ours", "relay-better-sse"].map((contender) => ({
        contender,
        variant,
        run: () => relay(contender, o.size(200), o.size(1000), interval),
      })),
    ),
  checks: (samples, o) =>
    Object.keys(paces).map((variant) =>
      checkRatio({
        samples,
        variant,
        id: `relay-${paces[variant]}ms`,
        scenario: `${title(o)}, ${variant}`,
        must: "<= 0.4x better-sse with JSON.stringify",
        of: "relay-ours",
        to: "relay-better-sse",
        metric: "cpuPerToken",
        format: microseconds,
        sense: "atMost",
        limit: 0.4,
      }),
    ),
};
