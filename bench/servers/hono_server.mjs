import { createServer } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { listen, serve } from "./control.mjs";

/**
 * A Hono app under @hono/node-server.
 * @param handler (context, connected) => Response; calls `connected(session)` when it can be pushed to
 * @param push (session, data) sends one event
 * @param broadcast (data) sends one event to all; by default to each in turn
 */
export function serveHono(handler, push, broadcast) {
  const sessions = [];
  const app = new Hono();
  app.get("/", (context) => handler(context, (session) => sessions.push(session)));
  const server = createServer(getRequestListener(app.fetch));
  return serve({
    open: () => listen(server),
    size: () => sessions.length,
    broadcast(data) {
      if (broadcast) return broadcast(data);
      for (const session of sessions) push(session, data);
    },
    push: (index, data) => push(sessions[index], data),
  });
}
