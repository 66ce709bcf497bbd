/** Three significant digits, no exponent. */
export function round(value) {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

export const perSecond = (value) =>
  value >= 1e6 ? `${round(value / 1e6)} M/s` : `${round(value / 1e3)} k/s`;
export const microseconds = (value) => `${round(value)} us`;
export const nanoseconds = (value) =>
  value >= 1e6 ? `${round(value / 1e6)} ms` : `${round(value / 1e3)} us`;
export const share = (value) => round(value);
export const kibibytes = (bytes) => `${round(bytes / 1024)} KiB`;
export const mebibytes = (bytes) => `${round(bytes / 1048576)} MiB`;
export const seconds = (value) => `${round(value)} s`;
export const times = (ratio) => `${Math.abs(ratio) < 0.01 ? ratio.toPrecision(1) : round(ratio)}x`;
