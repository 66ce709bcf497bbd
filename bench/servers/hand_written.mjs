// What one writes without a library, done well: an event is formatted once, all share its bytes.
import { createServer } from "node:http";
import { HEADERS, listen, serve } from "./control.mjs";

const responses = new Set();
const inOrder = [];
const server = createServer((_req, res) => {
  res.writeHead(200, HEADERS);
  res.flushHeaders();
  responses.add(res);
  inOrder.push(res);
  res.on("close", () => responses.delete(res));
});

const format = (data) => Buffer.from(`id:${data.seq}\ndata:${JSON.stringify(data)}\n\n`);

await serve({
  open: () => listen(server),
  size: () => responses.size,
  broadcast(data) {
    const event = format(data);
    for (const res of responses) res.write(event);
  },
  push: (index, data) => inOrder[index].write(format(data)),
});
