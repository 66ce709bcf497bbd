import { type IncomingMessage, OutgoingMessage, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import { isUntouched } from "./hold.js";

// In Node, the handle of a TCP or Unix socket has its descriptor. Other runtimes have none, and neither has
// Windows.
interface Handle {
  readonly fd?: number;
}

function handleOf(socket: Socket): Handle {
  return (socket as { _handle?: Handle | null })._handle ?? {};
}

/** Whether the body is neither in chunks nor until the end of the connection, but of a given length. */
function hasLength(res: ServerResponse): boolean {
  // The head as it was written: headers given to `writeHead` are nowhere else.
  const { _header: head } = res as { _header?: string };
  return res.hasHeader("content-length") || !head || /\r\ncontent-length:/i.test(head);
}

/** Whether what is written to the socket of `res` is, as it stands, what the client gets of `res`. */
export function ownsPlainSocket(req: IncomingMessage, res: ServerResponse): boolean {
  const { socket } = res;
  // The response of a pipelined request has no socket while an earlier one is being written: bytes of it
  // would land inside that one.
  if (!(socket instanceof Socket) || socket !== req.socket || socket.destroyed) return false;
  return !("encrypted" in socket) && isUntouched(socket);
}

/**
 * The descriptor that the body of `res` can be written to by somebody else than Node, if there is one: the
 * head has left, and nothing else of this or another response waits. It must own its socket.
 */
export function descriptorOf(res: ServerResponse): number | undefined {
  const { socket } = res;
  if (!socket || !res.headersSent || res.writableLength > 0 || hasLength(res)) return undefined;
  const { fd } = handleOf(socket);
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}

/** Whether `write` and `end` of a response are those of Node, not some middleware's. */
export function writesAsNode({ write, end }: ServerResponse): boolean {
  return write === OutgoingMessage.prototype.write && end === OutgoingMessage.prototype.end;
}
