import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as vega from "vega";
import { compile } from "vega-lite";
import { labelOf } from "../harness/contenders.mjs";
import { median } from "../harness/statistics.mjs";

/** Each contender in its own colour in all plots; limits are grey. */
const colourOf = {
  ours: "#d1495b",
  "ours-stream": "#edae49",
  "better-sse": "#30638e",
  "hand-written": "#00798c",
  published: "#8d6a9f",
  hono: "#c08552",
  "send-loop": "#3c3c3c",
  nchan: "#9aa0a6",
};

const config = {
  background: "white",
  font: "system-ui, sans-serif",
  axis: { labelFontSize: 12, labelLimit: 300, titleFontSize: 12, gridColor: "#e8e8e8" },
  title: { fontSize: 15, anchor: "start", offset: 14 },
  legend: { labelFontSize: 12, title: null, labelLimit: 300, symbolType: "circle" },
  view: { stroke: null },
};

/** Medians of `metric` for each contender and number of sessions. */
function medians(samples, metric) {
  const groups = new Map();
  for (const sample of samples.list) {
    if (sample.failed || sample.pace === "busy" || !Number.isFinite(sample[metric])) continue;
    const key = `${sample.contender} ${sample.sessions ?? ""}`;
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups.values()].map((group) => ({
    contender: group[0].contender,
    label: labelOf(group[0].contender),
    sessions: group[0].sessions,
    value: median(group.map((sample) => sample[metric])),
  }));
}

function colours(values) {
  const shown = Object.keys(colourOf).filter((name) =>
    values.some(({ contender }) => contender === name),
  );
  return { domain: shown.map(labelOf), range: shown.map((name) => colourOf[name]) };
}

function bars(values, title, axis) {
  const sort = [...values].sort((a, b) => b.value - a.value).map(({ label }) => label);
  const y = { field: "label", type: "nominal", sort, title: null };
  return {
    title,
    width: 560,
    height: { step: 30 },
    data: { values },
    encoding: {
      y,
      x: { field: "value", type: "quantitative", title: axis, axis: { format: "~s" } },
    },
    layer: [
      {
        mark: { type: "bar", cornerRadiusEnd: 2 },
        encoding: {
          color: { field: "label", type: "nominal", scale: colours(values), legend: null },
        },
      },
      {
        mark: { type: "text", align: "left", dx: 5, fontSize: 12 },
        encoding: { text: { field: "value", type: "quantitative", format: ".3~s" } },
      },
    ],
  };
}

function lines(values, title, axis, format) {
  const scale = { type: "log", nice: false };
  const sessions = [...new Set(values.map((one) => one.sessions))];
  return {
    title,
    width: 560,
    height: 320,
    data: { values },
    mark: { type: "line", point: { size: 55, filled: true }, strokeWidth: 2.5 },
    encoding: {
      x: {
        field: "sessions",
        type: "quantitative",
        scale: { ...scale, padding: 20 },
        axis: { values: sessions, format: "~s", labelOverlap: "greedy" },
        title: "sessions",
      },
      y: {
        field: "value",
        type: "quantitative",
        scale: { ...scale, nice: true },
        axis: { format, tickCount: 6 },
        title: axis,
      },
      color: { field: "label", type: "nominal", scale: colours(values) },
    },
  };
}

const plots = {
  burst: {
    file: "throughput.svg",
    title: "Broadcasts delivered per second (burst)",
    metric: "rate",
    draw: (values, title) => bars(values, title, "deliveries per second"),
  },
  blocked: {
    file: "blocked.svg",
    title: "Event loop blocked by one broadcast(), after a pause",
    metric: "blocked",
    draw: (values, title) =>
      lines(
        values.map((one) => ({ ...one, value: one.value / 1e3 })),
        title,
        "microseconds (log)",
        "~s",
      ),
  },
  growth: {
    file: "growth.svg",
    title: "Deliveries per second as sessions grow",
    metric: "rate",
    draw: (values, title) => lines(values, title, "deliveries per second (log)", "~s"),
  },
};

/** Draws what there are data for; returns `{ scenario: { file, title } }`. */
export async function drawPlots(results, folder) {
  const drawn = {};
  for (const [name, { file, title, metric, draw }] of Object.entries(plots)) {
    const values = results[name] ? medians(results[name], metric) : [];
    if (values.length === 0) continue;
    const { spec } = compile({ ...draw(values, title), config });
    const view = new vega.View(vega.parse(spec), { renderer: "none" });
    writeFileSync(join(folder, file), `${await view.toSVG()}\n`);
    view.finalize();
    drawn[name] = { file, title };
  }
  return drawn;
}
