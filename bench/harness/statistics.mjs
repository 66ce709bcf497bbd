export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median, least and most of one metric of some samples; undefined when none has it. */
export function summary(samples, metric) {
  const values = samples.map((sample) => sample[metric]).filter(Number.isFinite);
  if (values.length === 0) return undefined;
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** The samples of one scenario. */
export class Samples {
  constructor(list) {
    this.list = list;
  }

  of(contender, variant) {
    return this.list.filter(
      (s) =>
        s.contender === contender && !s.failed && (variant === undefined || s.variant === variant),
    );
  }

  /** Median of a metric, undefined without a sample. */
  median(contender, metric, variant) {
    return summary(this.of(contender, variant), metric)?.median;
  }

  /** How many times `a`'s median is `b`'s. */
  ratio(a, b, metric, variant) {
    const [x, y] = [this.median(a, metric, variant), this.median(b, metric, variant)];
    return x === undefined || y === undefined ? undefined : x / y;
  }
}
