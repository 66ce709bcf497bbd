import { setImmediate } from "node:timers/promises";
import { Channel } from "./channel.js";
import { openReceivers } from "./engine.js";
import { type CloseOptions, farewellOf } from "./farewell.js";
import { Session } from "./session.js";

/**
 * Ends every session of this environment (main thread or worker), as `channel.close()` does with
 * those of a channel; those that are created later are not ended. To shut a server down:
 *
 *     server.close();
 *     setTimeout(() => server.closeAllConnections(), 5_000).unref();
 *     await closeAll({ event: "shutdown", data: null });
 *     server.closeIdleConnections();
 *
 * @returns A promise that resolves when all have ended; a client that takes nothing holds it up for its
 * `writeTimeout` and a quarter of it more at most, or until its connection is closed.
 * @throws {SseError} `invalid-option`, `invalid-argument`; nobody is ended then
 */
export async function closeAll(options?: CloseOptions): Promise<void> {
  // Before anybody joins the channel below, which else they would not leave.
  farewellOf(options);
  // Those that were created just now connect first.
  await setImmediate();
  const everyone = new Channel();
  for (const receiver of openReceivers()) {
    if (receiver instanceof Session && receiver.isConnected) everyone.register(receiver);
  }
  await everyone.close(options);
}
