import { times } from "./format.mjs";

/**
 * One requirement of the table, judged.
 * @param value what is compared with `limit`; undefined: not measured
 * @param sense "atLeast" or "atMost"
 * @param measured the figures behind it, as text
 */
export function check({ id, scenario, must, value, sense, limit, measured, ratio }) {
  const known = Number.isFinite(value);
  const met = known ? (sense === "atLeast" ? value >= limit : value <= limit) : undefined;
  return { id, scenario, must, measured, ratio: known ? (ratio ?? times(value)) : "-", met };
}

/**
 * A requirement on the ratio of two contenders' medians.
 * @param format of the metric's values
 */
export function checkRatio({ samples, of, to, metric, variant, format, ...rest }) {
  const [a, b] = [samples.median(of, metric, variant), samples.median(to, metric, variant)];
  const text = (value) => (value === undefined ? "not measured" : format(value));
  return check({
    ...rest,
    value: samples.ratio(of, to, metric, variant),
    measured: `${text(a)} : ${text(b)}`,
  });
}
