import { SseError } from "./errors.js";
import type { DisconnectReason } from "./internal.js";
import { CloseReason } from "./native.js";
import type { Settings } from "./options.js";

/** What a session is told to have ended by, when the engine gave it up. */
export function endingOf(
  closeReason: number,
  { maxBufferedBytes, writeTimeout }: Settings,
): { reason: DisconnectReason; error: SseError } {
  switch (closeReason) {
    case CloseReason.SlowConsumer: {
      const message = `more than ${maxBufferedBytes} bytes waited for the client.`;
      return { reason: "slow-consumer", error: new SseError("slow-consumer", message) };
    }
    case CloseReason.WriteTimeout: {
      const message = `the client took nothing for ${writeTimeout} ms.`;
      return { reason: "write-timeout", error: new SseError("write-timeout", message) };
    }
    case CloseReason.ConnectionReset: {
      const message = "the client closed the connection.";
      return { reason: "client-closed", error: new SseError("not-connected", message) };
    }
    default: {
      const message = "the connection failed.";
      return { reason: "connection-error", error: new SseError("not-connected", message) };
    }
  }
}

export function notConnectedYet(): SseError {
  return new SseError(
    "not-connected",
    "the session has not connected yet. Wait for its connected event; over Fetch, it connects when the body of its response is read.",
  );
}

/** @param reason Undefined while the session closes. */
export function notConnectedAnyMore(reason: DisconnectReason | undefined): SseError {
  const why = reason === undefined ? "close() was called" : `it has disconnected (${reason})`;
  return new SseError("not-connected", `the session is not connected: ${why}.`);
}
