/** The same chat over WebSocket, at `/api/ws`. */
import { STATUS_CODES } from "node:http";

import { SseError } from "stream-llm";
import { webSocketChat } from "stream-llm/websocket";
import { WebSocketServer } from "ws";

import { answers, isTheirs } from "./answers.js";
import { countPrompt, countUpgrade } from "./limits.js";
import { questionOf } from "./questions.js";
import { Refusal } from "./refusal.js";
import { CORS_ORIGINS } from "./settings.js";
import { claimsOf, whenExpired } from "./tokens.js";

const PATH = "/api/ws";
const PROTOCOL = "stream-llm";
const MAX_MESSAGE_BYTES = 32 * 1024;
/** Of a close after which clients come back, "service restart": the page does, with a new token. */
const COME_BACK = 1012;

/** A page cannot set headers for a WebSocket: the token comes as the protocol behind ours. */
function tokenOf(req) {
  const [protocol, token] = (req.headers["sec-websocket-protocol"] ?? "").split(",", 2);
  return protocol.trim() === PROTOCOL ? token?.trim() : undefined;
}

/**
 * Who may open one, as `req.subject`, and until when, as `req.expiresAt`. Browsers do not ask before they open a
 * WebSocket to another origin, as CORS has them do for `fetch`.
 */
async function admit(req) {
  await countUpgrade(req);
  const { origin, host } = req.headers;
  if (req.url.split("?")[0] !== PATH)
    throw new Refusal(404, "not-found", "There is no such WebSocket.");
  const isOurs = [`http://${host}`, `https://${host}`, ...CORS_ORIGINS].includes(origin);
  if (origin !== undefined && !isOurs)
    throw new Refusal(403, "forbidden", "Pages of this origin may not.");
  Object.assign(req, await claimsOf(tokenOf(req)));
}

/** The question in a `chat` message, refused in words that the client gets to read. */
async function start({ message, request: { subject } }) {
  try {
    await countPrompt(subject);
    return await questionOf(subject, message);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // The id may be of a question that came before over a connection that was lost: then it is gone on with.
    const codes = { "generation-exists": error.code, "rate-limit": "too-many-generations" };
    throw new SseError(codes[error.code] ?? "invalid-argument", error.message);
  }
}

/**
 * @param {import("node:http").Server} server
 * @returns {() => void} ends those that are open
 */
export function serveWebSockets(server) {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: () => PROTOCOL,
  });
  const authorize = ({ request }, id) => isTheirs(request.subject, id);
  sockets.on("connection", webSocketChat(answers, { start, authorize }));
  sockets.on("connection", (ws, req) => {
    ws.once(
      "close",
      whenExpired(req, () => ws.close(COME_BACK, "token expired")),
    );
  });

  server.on("upgrade", (req, socket, head) => {
    socket.on("error", () => socket.destroy());
    admit(req).then(
      () => sockets.handleUpgrade(req, socket, head, (ws) => sockets.emit("connection", ws, req)),
      ({ status = 500 }) =>
        socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`),
    );
  });

  return () => {
    for (const ws of sockets.clients) ws.close(1001);
    sockets.close();
  };
}
