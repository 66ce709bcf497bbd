import {
  ChatStore,
  type StreamingChatActions,
  type StreamingChatConfig,
  type StreamingChatState,
} from "./chat-store.js";
import { useKept, useStore } from "./store.js";
import { useLatest } from "./use-latest.js";

export interface UseStreamingChatResult extends StreamingChatState, StreamingChatActions {}

/**
 * A conversation with a model, on an `AIStream` that lives as long as the component, or until
 * `endpoint` or `id` is another.
 *
 *     const { content, send, cancel, isStreaming } = useStreamingChat({ endpoint: "/api/chat" });
 *
 * `config` may be a new object each time. `messages` and `retry` are those of the render that began the
 * conversation, all else is that of the last render whenever it is needed.
 *
 * An unmounted component takes no more of its answer, and leaves the server alone: the answer can be
 * resumed. To have the server stop, call `cancel()`.
 *
 * @throws {SseError} `invalid-option`, in an effect
 */
export function useStreamingChat(config: StreamingChatConfig): UseStreamingChatResult {
  const { endpoint, id, messages } = config;
  const latest = useLatest(config);
  const key = typeof id === "string" ? `${endpoint} ${id}` : endpoint;
  const store = useKept(key, () => new ChatStore(messages, latest));
  return { ...useStore(store), ...store.actions };
}
