import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import { Connection } from "../../connection/connection.js";
import { headerEntries } from "../../connection/headers.js";
import { queryOf } from "../../connection/node-url.js";
import { isFetchRequest } from "../../connection/open.js";
import { SseError } from "../../errors.js";
import { kHeader, kQuery } from "../../internal.js";
import { lastEventIdOf } from "../../last-event-id.js";
import type { SessionOptions } from "../../options.js";
import { Session } from "../../session.js";
import type { SessionEvents } from "../../session-events.js";
import { type Protocol, protocolHeaders } from "../protocols/index.js";
import type { Fanout, Watcher } from "./fanout.js";

/**
 * Options of a watcher's session. What is sent is the generation's, whole: a client that is too slow
 * is disconnected, and may come back for the rest.
 */
export type WatchOptions = Omit<
  SessionOptions,
  "serializer" | "sanitizer" | "eventId" | "statusCode" | "slowConsumer"
> & {
  /**
   * What the client reads: a generation of another protocol is refused with `invalid-argument`.
   *
   * Defaults to whatever the generation's is.
   */
  protocol?: Protocol | undefined;
};

export type AnyRequest = IncomingMessage | Http2ServerRequest | Request | Connection;

function lastIdOf(req: AnyRequest): string {
  if (req instanceof Connection) {
    return lastEventIdOf(req[kHeader]("last-event-id"), req[kQuery]);
  }
  const header = isFetchRequest(req)
    ? req.headers.get("last-event-id")
    : req.headers["last-event-id"];
  return lastEventIdOf(typeof header === "string" ? header : null, queryOf(req.url));
}

/**
 * Makes a session to watch the generation with, which has not connected yet. A client that has got
 * all is answered with 204, so that an `EventSource` does not come again; over a `Connection`, which
 * has no status, it gets all once more.
 *
 * @throws {SseError} `invalid-argument`, `invalid-option`, `invalid-header`, `headers-sent`
 */
export function openWatcher(
  fanout: Fanout,
  req: AnyRequest,
  res: unknown,
  options: WatchOptions = {},
): Watcher {
  const { maxBufferedBytes = 1 << 20, trustClientEventId = true } = options;
  requireProtocol(fanout, options.protocol);
  const asked = trustClientEventId ? lastIdOf(req) : "";
  const isAlone = req instanceof Connection;
  const lastId = isAlone && fanout.isComplete(asked) ? "" : asked;
  const settings = sessionOptions(fanout, lastId, options);
  const session = isAlone
    ? new Session(req, settings)
    : // Which pair it is, the session finds out itself.
      new Session(req as IncomingMessage, res as ServerResponse, settings);
  return { session, lastId, maxBufferedBytes };
}

function requireProtocol({ info }: Fanout, protocol: Protocol | undefined): void {
  if (protocol === undefined || protocol === info.protocol) return;
  throw new SseError(
    "invalid-argument",
    `the generation's protocol is ${JSON.stringify(info.protocol)}, and the client reads ${JSON.stringify(protocol)}.`,
  );
}

function sessionOptions(fanout: Fanout, lastId: string, options: WatchOptions): SessionOptions {
  const { transport, retry, keepAlive, writeTimeout, maxBufferedBytes, state } = options;
  const { headers = {} } = options;
  return {
    ...{ transport, retry, keepAlive, writeTimeout, maxBufferedBytes, state },
    trustClientEventId: options.trustClientEventId,
    headers: {
      ...protocolHeaders(fanout.info.protocol),
      ...Object.fromEntries(headerEntries("headers", headers)),
    },
    statusCode: fanout.isComplete(lastId) ? 204 : 200,
  };
}

/**
 * Resolves when the session has connected, or its client has gone before.
 *
 * @returns a promise that rejects with an error of the connection
 */
export function connected(session: Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDisconnected: SessionEvents["disconnected"] = ({ reason, error }) => {
      session.off("connected", onConnected);
      if (reason === "connection-error") reject(error);
      else resolve();
    };
    const onConnected = (): void => {
      session.off("disconnected", onDisconnected);
      resolve();
    };
    session.once("connected", onConnected).once("disconnected", onDisconnected);
  });
}
