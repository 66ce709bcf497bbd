import { serveHono } from "./hono_server.mjs";

/** `createResponse` and `createChannel` of a library with better-sse's API, in a Hono app. */
export function serveCreateResponse({ createResponse, createChannel }) {
  const channel = createChannel();
  return serveHono(
    (context, connected) =>
      createResponse(context.req.raw, (session) => {
        channel.register(session);
        connected(session);
      }),
    (session, data) => session.push(data),
    (data) => channel.broadcast(data),
  );
}
