export type { DefaultEvents, EventName } from "../../types/events.js";
export { SseError, type SseErrorCode } from "../errors.js";
export type { Cost, Price, PriceTable } from "../streaming/accounting/cost.js";
export { AIStream } from "./ai-stream.js";
export type {
  AIStreamConfig,
  AIStreamEvents,
  AIStreamRequest,
  GivenMessage,
  Message,
  RetryNotice,
} from "./ai-stream-config.js";
export {
  type AnyEventMessage,
  type EventMessage,
  type EventStream,
  type EventStreamOptions,
  type EventStreamState,
  openEventStream,
} from "./event-stream.js";
export type { Usage } from "./protocols/usage.js";
export type { RetryConfig } from "./retry.js";
