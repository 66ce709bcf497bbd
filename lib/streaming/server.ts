/** `stream-llm/streaming` where the engine can be loaded; browsers get `index.ts`: parts, answers, protocols. */
export {
  type AccountingOptions,
  type Cost,
  createMeter,
  type Meter,
  type MeteredUsage,
  type MeterOptions,
  type Price,
  type PriceTable,
  type Prompt,
  type PromptMessage,
  type Report,
  type Timings,
} from "./accounting/index.js";
export * from "./generations/index.js";
export type { TokenUsage } from "./given-parts.js";
export * from "./index.js";
export type { PipeOptions } from "./piped-answer.js";
export { StreamingResponse } from "./streaming-response.js";
export type { StreamingResponseOptions } from "./streaming-response-options.js";
