export { Answer, type AnswerOptions, type AnswerToolCall, collectParts } from "./answer.js";
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
