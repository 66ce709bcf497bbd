export type { DefaultEventName, DefaultEvents, EventName } from "../types/events.js";
export { Channel, type DefaultChannelState } from "./channel.js";
export type {
  BroadcastOptions,
  ChannelEvents,
  ChannelOptions,
  ChannelStats,
} from "./channel-options.js";
export { closeAll } from "./close-all.js";
export { Connection, type ConnectionConstants } from "./connection/connection.js";
export { FetchConnection } from "./connection/fetch.js";
export { NodeHttp1Connection } from "./connection/http1.js";
export { NodeHttp2CompatConnection } from "./connection/http2.js";
export { createChannel } from "./create-channel.js";
export { createEventBuffer } from "./create-event-buffer.js";
export { type CreateResponseCallback, createResponse } from "./create-response.js";
export { createSession } from "./create-session.js";
export type { EncodingOptions, SanitizerFunction, SerializerFunction } from "./encoding.js";
export { SseError, type SseErrorCode } from "./errors.js";
export { EventBuffer, type EventBufferOptions } from "./event-buffer.js";
export type { CloseOptions } from "./farewell.js";
export type { IterateOptions, StreamOptions, StreamSource } from "./feed.js";
export type { Gap, GapDetails, GapReason } from "./history/gap.js";
export type { ChannelLog, LogEntry, LogPage } from "./history/log.js";
export type { HistoryOptions, RegisterOptions } from "./history/options.js";
export type { Disconnection, DisconnectReason } from "./internal.js";
export type {
  BuiltInConnectionOptions,
  DefaultSessionState,
  SessionOptions,
} from "./options.js";
export { Session } from "./session.js";
export type { SessionEvents } from "./session-events.js";
export { type EngineStats, engineStats } from "./stats.js";
