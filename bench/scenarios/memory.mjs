import { check } from "../harness/check.mjs";
import { Client } from "../harness/client.mjs";
import { kibibytes, times } from "../harness/format.mjs";
import { settled, smallYoungGeneration, withServer } from "../harness/run.mjs";

const measured = ["bare", "ours", "ours-stream", "better-sse", "published"];
const title = (o) => `Idle memory per session above a bare Node response, ${o.size(4000)} sessions`;

/** Resident bytes that each of `sessions` adds, once 200 others have made the server warm. */
function memory(contender, sessions) {
  const warmUp = 200;
  return withServer(
    contender,
    { connections: warmUp, flags: smallYoungGeneration },
    async ({ server }) => {
      const before = await server.ask("memory");
      const client = new Client({ port: server.port, connections: sessions });
      try {
        await client.ready();
        await settled(server, warmUp + sessions);
        const after = await server.ask("memory");
        return {
          rss: (after.rss - before.rss) / sessions,
          heap: (after.heapUsed - before.heapUsed) / sessions,
        };
      } finally {
        await client.close();
      }
    },
  );
}

export default {
  name: "memory",
  title,
  rounds: 3,
  about:
    "Growth of the server's resident memory, after garbage collection, divided by the sessions that came. A bare response is `res.writeHead(); res.flushHeaders()`: Node's own request, response and socket. V8's young generation is held at 1 MiB, so that garbage is not counted as memory of the sessions.",
  metrics: [
    { key: "rss", label: "resident, per session", format: kibibytes },
    { key: "heap", label: "JavaScript heap, per session", format: kibibytes },
  ],
  jobs: (o) =>
    measured.map((contender) => ({ contender, run: () => memory(contender, o.size(4000)) })),
  checks(samples, o) {
    const above = (contender) => samples.median(contender, "rss") - samples.median("bare", "rss");
    const [ours, peer] = [above("ours"), above("better-sse")];
    return [
      check({
        id: "memory",
        scenario: title(o),
        must: "<= 2 KiB",
        value: ours / 1024,
        sense: "atMost",
        limit: 2,
        measured: `${kibibytes(ours)} (better-sse: ${kibibytes(peer)})`,
        ratio: `${times(ours / peer)} of better-sse`,
      }),
    ];
  },
};
