export { SseError, type SseErrorCode } from "../errors.js";
export type { RetryConfig } from "./retry.js";
