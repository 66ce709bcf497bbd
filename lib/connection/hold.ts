import { Socket } from "node:net";

/**
 * Holds back what Node writes to a socket while the engine writes to it. Nothing does, save a `write` or
 * `end` that somebody took from the response before there was a session: it knows nothing of the session,
 * and would land inside an event. The function is shared, and stays on the socket, so that the next session
 * of a connection finds it there.
 */

const kHolder = Symbol("stream-llm.holder");

export interface Holder {
  /** Node has called `socket.write(...args)`. */
  onSocketWrite(args: unknown[]): void;
}

interface Held {
  [kHolder]?: Holder | undefined;
}

function write(this: Socket & Held, ...args: unknown[]): boolean {
  const holder = this[kHolder];
  if (!holder) return Reflect.apply(Socket.prototype.write, this, args);
  holder.onSocketWrite(args);
  return false;
}

/** Whether writing to `socket` is as Node does it. */
export function isUntouched(socket: Socket): boolean {
  return socket.write === Socket.prototype.write || socket.write === write;
}

/** From now on `holder` gets what is written to `socket`. */
export function hold(socket: Socket & Held, holder: Holder): void {
  socket[kHolder] = holder;
  socket.write = write;
}

export function letGo(socket: Socket & Held, holder: Holder): void {
  if (socket[kHolder] === holder) socket[kHolder] = undefined;
}
