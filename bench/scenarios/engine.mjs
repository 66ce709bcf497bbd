import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { check } from "../harness/check.mjs";
import { programs } from "../harness/contenders.mjs";
import { nanoseconds, times } from "../harness/format.mjs";

const inNanoseconds = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

const cleanEvent = "FormatCleanOverCopy/20480";

async function engineBenchmarks(quick) {
  if (!existsSync(programs.engine)) throw new Error("engine_bench is not built");
  const args = ["--benchmark_format=json", `--benchmark_min_time=${quick ? 0.02 : 0.2}`];
  const { stdout } = await promisify(execFile)(programs.engine, args, {
    maxBuffer: 1 << 24,
    timeout: 170_000,
  });
  const benchmarks = JSON.parse(stdout)
    .benchmarks.filter((one) => one.run_type === "iteration" && !one.error_occurred)
    .map((one) => ({
      name: one.name,
      real: one.real_time * inNanoseconds[one.time_unit],
      cpu: one.cpu_time * inNanoseconds[one.time_unit],
      itemsPerSecond: one.items_per_second,
      ofMemcpy: one.of_memcpy,
    }));
  return { benchmarks };
}

export default {
  name: "engine",
  title: () => "The engine alone (Google Benchmark)",
  rounds: 1,
  about: "Single functions of the C++ engine, without sockets or JavaScript; `bench/engine/`.",
  metrics: [],
  jobs: (o) => [{ contender: "engine", run: () => engineBenchmarks(o.quick) }],
  checks(samples) {
    const clean = samples.of("engine")[0]?.benchmarks?.find(({ name }) => name === cleanEvent);
    return [
      check({
        id: "engine-format",
        scenario: "Formatting a clean event of 20 KiB, over `memcpy` of the same bytes",
        must: ">= 0.5 of its rate",
        value: clean?.ofMemcpy,
        sense: "atLeast",
        limit: 0.5,
        measured: clean?.ofMemcpy === undefined ? "not measured" : times(clean.ofMemcpy),
      }),
    ];
  },
  table(samples) {
    const benchmarks = samples.of("engine")[0]?.benchmarks ?? [];
    return [
      ["benchmark", "time", "CPU", "items/s", "of memcpy's rate"],
      ...benchmarks.map(({ name, real, cpu, itemsPerSecond, ofMemcpy }) => [
        `\`${name}\``,
        nanosecondsOf(real),
        nanosecondsOf(cpu),
        itemsPerSecond ? `${(itemsPerSecond / 1e6).toFixed(2)} M` : "",
        ofMemcpy ? times(ofMemcpy) : "",
      ]),
    ];
  },
};

const nanosecondsOf = (value) => (value < 1000 ? `${value.toFixed(1)} ns` : nanoseconds(value));
