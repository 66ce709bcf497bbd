import { streamSSE } from "hono/streaming";
import { serveHono } from "./hono_server.mjs";

await serveHono(
  (context, connected) =>
    streamSSE(context, async (stream) => {
      connected(stream);
      await new Promise((resolve) => stream.onAbort(resolve));
    }),
  // Not awaited: a broadcast does not wait for its slowest client. Writes stay in order.
  (stream, data) => void stream.writeSSE({ data: JSON.stringify(data), id: String(data.seq) }),
);
