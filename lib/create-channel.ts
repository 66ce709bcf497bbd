import type { DefaultEvents } from "../types/events.js";
import { Channel, type DefaultChannelState } from "./channel.js";
import type { ChannelOptions } from "./channel-options.js";
import type { DefaultSessionState } from "./options.js";

/**
 * Creates a channel. `Events` maps event names to payloads, by which `broadcast` is checked.
 *
 * @throws {SseError} `invalid-option`, `invalid-argument`
 */
export function createChannel<
  State = DefaultChannelState,
  SessionState = DefaultSessionState,
  Events extends object = DefaultEvents,
>(options?: ChannelOptions<State>): Channel<State, SessionState, Events> {
  return new Channel(options);
}
