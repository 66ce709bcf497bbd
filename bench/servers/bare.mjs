// An idle event stream with nothing but Node: the measure for memory.
import { createServer } from "node:http";
import { HEADERS, listen, serve } from "./control.mjs";

const responses = [];
const server = createServer((_req, res) => {
  res.writeHead(200, HEADERS);
  res.flushHeaders();
  responses.push(res);
});

await serve({ open: () => listen(server), size: () => responses.length });
