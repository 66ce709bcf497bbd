"use client";

export type {
  StreamingChatActions,
  StreamingChatConfig,
  StreamingChatState,
} from "./chat-store.js";
export type { StreamOptions, StreamState } from "./event-stream-store.js";
export {
  type ChannelState,
  type UseChannelOptions,
  type UseChannelResult,
  useChannel,
} from "./use-channel.js";
export {
  type SSEStreamState,
  type UseSSEStreamOptions,
  type UseSSEStreamResult,
  useSSEStream,
} from "./use-sse-stream.js";
export { type UseStreamingChatResult, useStreamingChat } from "./use-streaming-chat.js";
