export type { Cost, Price, PriceTable } from "./cost.js";
export type { Prompt, PromptMessage } from "./estimate.js";
export { type AccountingOptions, createMeter, type Meter, type MeterOptions } from "./meter.js";
export type { MeteredUsage, Report, Timings } from "./report.js";
