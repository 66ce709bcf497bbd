/** `npm run bench`: runs the scenarios, writes RESULTS.md, results.json and plots. See --help. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { absence, contenders, labelOf } from "./harness/contenders.mjs";
import { machine } from "./harness/machine.mjs";
import { parseOptions, scale } from "./harness/options.mjs";
import { endAll } from "./harness/processes.mjs";
import { Samples } from "./harness/statistics.mjs";
import { markdown } from "./report/markdown.mjs";
import { drawPlots } from "./report/plots.mjs";
import { scenarios } from "./scenarios/index.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
/** No single run may take longer. */
const MOST_SECONDS = 180;

async function bounded(run) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      endAll();
      reject(new Error(`not done after ${MOST_SECONDS} s`));
    }, MOST_SECONDS * 1000);
  });
  const running = run();
  running.catch(() => {});
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function sample(job) {
  const { contender, variant, run } = job;
  const missing = contenders[contender] && absence(contender);
  if (missing) return { contender, variant, failed: missing };
  try {
    return { contender, variant, ...(await bounded(run)) };
  } catch (error) {
    return { contender, variant, failed: error.message };
  }
}

function describe(scenario, result) {
  if (result.failed) return `FAILED: ${result.failed}`;
  return scenario.metrics
    .filter(({ key }) => result[key] !== undefined)
    .map(({ key, label, format }) => `${label} ${format(result[key])}`)
    .join(", ");
}

/** All rounds of one scenario, the contenders taking turns within each. */
async function runScenario(scenario, options, o, results) {
  console.log(`\n# ${scenario.title(o)}`);
  await scenario.prepare?.(o, results);
  const jobs = scenario
    .jobs(o)
    .filter(({ contender }) => options.contenders?.includes(contender) ?? true);
  const rounds = options.rounds ?? scenario.rounds;
  const list = [];
  for (let round = 1; round <= rounds; round++) {
    for (const job of jobs) {
      if (job.once && round > 1) continue;
      const began = performance.now();
      const result = { round, ...(await sample(job)) };
      list.push(result);
      const name = contenders[job.contender] ? labelOf(job.contender) : job.contender;
      const took = ((performance.now() - began) / 1000).toFixed(1);
      const variant = job.variant ? ` [${job.variant}]` : "";
      console.log(
        `${round}/${rounds} ${name}${variant}: ${describe(scenario, result)} (${took} s)`,
      );
    }
  }
  return new Samples(list);
}

async function report(data, output) {
  mkdirSync(join(output, "plots"), { recursive: true });
  const causes = JSON.parse(readFileSync(join(here, "causes.json"), "utf8"));
  const o = scale(data);
  const results = Object.fromEntries(
    Object.entries(data.samples).map(([name, list]) => [name, new Samples(list)]),
  );
  const plots = await drawPlots(results, join(output, "plots"));
  writeFileSync(join(output, "RESULTS.md"), markdown({ data, o, results, causes, plots }));
  for (const scenario of scenarios.filter(({ name }) => results[name])) {
    for (const { scenario: title, must, ratio, met } of scenario.checks(
      results[scenario.name],
      o,
    )) {
      const verdict = met === undefined ? "not measured" : met ? "met" : "MISSED";
      console.log(`${verdict}: ${title}: ${must}: ${ratio}`);
    }
  }
}

async function main() {
  const options = parseOptions(process.argv.slice(2), Object.keys(contenders));
  if (options.help) return console.log(options.usage);
  if (options.list) {
    for (const name of Object.keys(contenders)) console.log(`${name}: ${labelOf(name)}`);
    return;
  }
  const partial = join(here, "..", "build", "bench", "results");
  const output = options.output ?? (options.whole || options.report ? here : partial);
  const file = join(output, "results.json");
  if (options.report) return report(JSON.parse(readFileSync(file, "utf8")), output);

  const began = Date.now();
  const data = {
    date: new Date().toISOString(),
    command: ["npm run bench", ...process.argv.slice(2)].join(process.argv.length > 2 ? " " : ""),
    quick: options.quick,
    machine: machine(),
    samples: {},
  };
  const results = {};
  mkdirSync(output, { recursive: true });
  for (const scenario of scenarios) {
    if (!(options.only?.includes(scenario.name) ?? true)) continue;
    results[scenario.name] = await runScenario(scenario, options, scale(options), results);
    data.samples[scenario.name] = results[scenario.name].list;
    data.minutes = (Date.now() - began) / 60_000;
    writeFileSync(file, `${JSON.stringify(data, null, 1)}\n`);
  }
  console.log(`\n# Results, in ${output}`);
  await report(data, output);
  console.log(`done in ${data.minutes.toFixed(1)} min`);
}

main().then(
  () => process.exit(),
  (error) => {
    console.error(`bench: ${error.stack ?? error}`);
    process.exit(1);
  },
);
