export type { DefaultEvents, EventName } from "../../types/events.js";
export { SseError, type SseErrorCode } from "../errors.js";
export {
  type AnyEventMessage,
  type EventMessage,
  type EventStream,
  type EventStreamOptions,
  type EventStreamState,
  openEventStream,
} from "./event-stream.js";
export type { RetryConfig } from "./retry.js";
