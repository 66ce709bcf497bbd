// What one writes with better-sse: the provider's stream parsed, each chunk stringified and broadcast.
import { createServer } from "node:http";
import { createChannel, createSession } from "better-sse";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { listen, serve } from "./control.mjs";

const channel = createChannel();
const server = createServer(async (req, res) => {
  channel.register(await createSession(req, res));
});

/** Without what is of no use to clients, as stream-llm sends it. */
function forClients({ id, object, created, model, choices: [{ index, delta, finish_reason }] }) {
  return { id, object, created, model, choices: [{ index, delta, finish_reason }] };
}

async function relay(url) {
  const { body } = await fetch(url, { method: "POST" });
  const events = body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) channel.broadcast(forClients(JSON.parse(data)));
}

await serve({
  open: () => listen(server),
  size: () => channel.sessionCount,
  commands: {
    start({ url }) {
      relay(url);
    },
  },
});
