import { labelOf } from "../harness/contenders.mjs";
import { summary } from "../harness/statistics.mjs";
import { scenarios } from "../scenarios/index.mjs";

function table([head, ...rows]) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function verdict(check, causes) {
  if (check.met === undefined) return "not measured";
  if (check.met) return "met";
  return causes[check.id] ? `**missed**: ${causes[check.id]}` : "**missed**";
}

function requirements(checks, causes) {
  return table([
    ["scenario", "must be", "measured (medians)", "ratio", ""],
    ...checks.map((check) => [
      check.scenario,
      check.must,
      check.measured,
      check.ratio,
      verdict(check, causes),
    ]),
  ]);
}

/** The contenders and variants of a scenario in the order in which they ran. */
function groups(list) {
  const seen = new Map();
  for (const { contender, variant } of list) {
    seen.set(`${contender} ${variant}`, { contender, variant });
  }
  return [...seen.values()];
}

function cell(samples, { key, format }) {
  const found = summary(samples, key);
  if (!found) return "";
  const { median, min, max } = found;
  const range = samples.length > 1 && min !== max ? ` (${format(min)} - ${format(max)})` : "";
  return format(median) + range;
}

function measurements(scenario, samples) {
  if (scenario.table) return table(scenario.table(samples));
  const all = groups(samples.list);
  const hasVariants = all.some(({ variant }) => variant !== undefined);
  const used = scenario.metrics.filter(({ key }) => samples.list.some((s) => s[key] !== undefined));
  const head = ["", ...(hasVariants ? [scenario.variant] : []), ...used.map((m) => m.label)];
  const rows = all
    .filter(({ contender, variant }) => samples.of(contender, variant).length > 0)
    .map(({ contender, variant }) => [
      labelOf(contender),
      ...(hasVariants ? [variant ?? ""] : []),
      ...used.map((metric) => cell(samples.of(contender, variant), metric)),
    ]);
  return table([head, ...rows]);
}

/** Runs that count for nothing: events were lost, or the server failed. */
function failures(samples) {
  const failed = samples.list.filter((one) => one.failed);
  return failed.map(({ contender, variant, round, failed: why }) => {
    const name = contender === "engine" ? contender : labelOf(contender);
    return `- Failed run: ${name}${variant ? ` [${variant}]` : ""}, round ${round}: ${why}`;
  });
}

function section(scenario, samples, o, plots) {
  const rounds = Math.max(...samples.list.map(({ round }) => round));
  const about =
    rounds > 1 ? `${scenario.about} ${rounds} rounds: median (least - most).` : scenario.about;
  const plot = plots[scenario.name];
  return [
    `## ${scenario.title(o)}`,
    about,
    measurements(scenario, samples),
    failures(samples).join("\n"),
    plot ? `![${plot.title}](plots/${plot.file})` : "",
  ];
}

function environment({ date, command, minutes, machine }) {
  const versions = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`);
  return [
    `- ${date.slice(0, 16).replace("T", " ")} UTC, \`${command}\`, ${minutes.toFixed(0)} minutes, commit ${machine.commit}`,
    `- ${machine.cpu}, ${machine.memory}, ${machine.system}; TCP congestion control ${machine.congestion}; server and client share the cores; ${machine.openFiles} open files for each process`,
    `- Node ${machine.node}, ${machine.compiler}; ${versions.join(", ")}; nchan: ${machine.nchan}`,
  ].join("\n");
}

/** RESULTS.md, out of one run's data. */
export function markdown({ data, o, results, causes, plots }) {
  const ran = scenarios.filter(({ name }) => results[name]);
  const checks = ran.flatMap((scenario) => scenario.checks(results[scenario.name], o));
  const parts = [
    "# Benchmark results",
    "Written by `npm run bench`; what is measured and how: [README.md](README.md). All contenders take turns within one run, on one machine; every event is counted at the client, and a run that lost one, or got one twice or out of order, counts as failed.",
    environment(data),
    data.quick
      ? "**A quick run: a tenth of the size. Its figures show that it works, nothing else.**"
      : "",
    "## What the speed must be",
    requirements(checks, causes),
    ...ran.flatMap((scenario) => section(scenario, results[scenario.name], o, plots)),
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}
