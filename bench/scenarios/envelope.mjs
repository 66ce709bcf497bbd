import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { check } from "../harness/check.mjs";
import { times } from "../harness/format.mjs";

const program = fileURLToPath(new URL("../servers/envelope.mjs", import.meta.url));
const protocols = ["openai", "openai-responses", "anthropic", "ai-sdk"];
const inNanoseconds = (value) => `${value.toFixed(0)} ns`;

async function measure(protocol, turns) {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [program, protocol, `${turns}`], {
    timeout: 120_000,
  });
  return JSON.parse(stdout);
}

export default {
  name: "envelope",
  title: () => "`envelope`: a token's text in a prepared envelope, and in a chunk of its own",
  rounds: 3,
  about:
    "What a token costs the event loop as a protocol's writer sends it (escaped and framed by the engine), and as `session.push` of the same chunk, `JSON.stringify` included: 2000 tokens in turn of each, 200 times, within one process; medians. The same bytes go to one client on the socket lane.",
  variant: "protocol",
  metrics: [
    { key: "envelope", label: "in an envelope", format: inNanoseconds },
    { key: "push", label: "stringify + push", format: inNanoseconds },
    { key: "ratio", label: "how many times", format: times },
  ],
  jobs: (o) =>
    protocols.map((protocol) => ({
      contender: "ours",
      variant: protocol,
      run: () => measure(protocol, o.size(200)),
    })),
  checks(samples) {
    const of = (metric) => samples.median("ours", metric, "openai");
    const [envelope, push] = [of("envelope"), of("push")];
    return [
      check({
        id: "envelope",
        scenario: "`envelope`: a token of an OpenAI chat completion",
        must: "stringify + push >= 2x an envelope",
        value: of("ratio"),
        sense: "atLeast",
        limit: 2,
        measured:
          envelope === undefined
            ? "not measured"
            : `${inNanoseconds(push)} : ${inNanoseconds(envelope)}`,
      }),
    ];
  },
};
