import { parseArgs } from "node:util";
import { scenarios } from "../scenarios/index.mjs";
import { openFiles } from "./processes.mjs";

const usage = `npm run bench [-- OPTIONS]
  --only a,b          these scenarios: ${scenarios.map(({ name }) => name).join(", ")}
  --contenders a,b    these servers, see bench/harness/contenders.mjs
  --rounds N          rounds of each scenario, instead of its own number
  --quick             a tenth of the sessions and broadcasts: to see whether it works
  --output FOLDER     where RESULTS.md, results.json and plots/ go; a run that is not whole writes to
                      build/bench/results, unless told otherwise
  --report            no run: writes RESULTS.md and the plots anew from results.json
  --list              names the servers`;

/** Files that a server has open beside its sessions' sockets. */
const RESERVED_FILES = 400;

function list(text, known, what) {
  if (text === undefined) return undefined;
  const names = text.split(",");
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`no ${what} is called ${unknown.join(", ")}; there are ${known.join(", ")}`);
  }
  return names;
}

export function parseOptions(argv, contenderNames) {
  const { values } = parseArgs({
    args: argv,
    options: {
      only: { type: "string" },
      contenders: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      output: { type: "string" },
      report: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.rounds !== undefined && !(Number(values.rounds) >= 1)) {
    throw new Error(`--rounds takes a number from 1, not ${values.rounds}`);
  }
  return {
    ...values,
    usage,
    rounds: values.rounds && Number(values.rounds),
    only: list(
      values.only,
      scenarios.map(({ name }) => name),
      "scenario",
    ),
    contenders: list(values.contenders, contenderNames, "server"),
    whole: !(values.only || values.contenders || values.rounds || values.quick),
  };
}

/** What the scenarios ask of the options. */
export function scale({ quick }) {
  return {
    quick,
    size: (count) => (quick ? Math.ceil(count / 10) : count),
    /** How many sessions fit into one process when each takes `each` descriptors. */
    mostSessions: (each) => Math.floor((openFiles - RESERVED_FILES) / each),
    limitText: `a process may open ${openFiles} files here, and a session takes 2 of stream-llm's`,
    /** Says so when fewer sessions than `wanted` were there. */
    shortOf(samples, contender, variant, wanted) {
      const had = samples.of(contender, variant)[0]?.sessions;
      return had === undefined || had === wanted ? "" : ` (${had}: ${this.limitText})`;
    },
  };
}
