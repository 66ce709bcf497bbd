import { createServer } from "node:http";
import { listen, serve } from "./control.mjs";

/**
 * A server over a library with better-sse's API: a channel to broadcast, a session for one client.
 * @param library has `createSession` and `createChannel`
 * @param options the sessions' options; without, the library's defaults
 */
export function serveSessions({ createSession, createChannel }, options, extra) {
  const channel = createChannel();
  const sessions = [];
  const server = createServer(async (req, res) => {
    const session = await createSession(req, res, options);
    channel.register(session);
    sessions.push(session);
  });
  return serve({
    open: () => listen(server),
    size: () => sessions.length,
    broadcast: (data) => channel.broadcast(data),
    push: (index, data) => sessions[index].push(data),
    connected: () => sessions.filter(({ isConnected }) => isConnected).length,
    ...extra?.(sessions),
  });
}
