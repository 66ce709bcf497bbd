// stream-llm: the provider's stream as a generation that all clients watch.
import { createServer } from "node:http";
import { createGenerations } from "../../dist/streaming/generations/index.js";
import { listen, serve } from "./control.mjs";

const generations = createGenerations({ protocol: "openai" });
const sessions = [];
const server = createServer(async (req, res) => {
  sessions.push(await generations.attach("answer", req, res));
});

await serve({
  open: () => listen(server),
  size: () => sessions.length,
  stats: () => Object.fromEntries(sessions.map(({ transport }) => [transport, 1])),
  commands: {
    start: ({ url }) =>
      generations.start("answer", () => fetch(url, { method: "POST" })).then(() => {}),
  },
});
