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
export { Answer, type AnswerOptions, type AnswerToolCall, collectParts } from "./answer.js";
export * from "./generations/index.js";
export type { TokenUsage } from "./given-parts.js";
export type {
  AbortPart,
  AnswerErrorCode,
  AnswerFormat,
  ErrorPart,
  FinishPart,
  FinishReason,
  MetadataPart,
  Part,
  ReasoningPart,
  RefusalPart,
  SourcePart,
  StartPart,
  TerminalPart,
  TextPart,
  ToolCallDeltaPart,
  ToolCallPart,
  ToolCallStartPart,
  ToolResultPart,
  Usage,
  UsagePart,
} from "./parts.js";
export { isTerminal } from "./parts.js";
export type { PipeOptions } from "./piped-answer.js";
export {
  createProtocolWriter,
  type Envelope,
  type Prepared,
  type Protocol,
  type ProtocolWriter,
  protocolHeaders,
  type WireEvent,
  type WriterOptions,
} from "./protocols/index.js";
export { StreamingResponse } from "./streaming-response.js";
export type { StreamingResponseOptions } from "./streaming-response-options.js";
