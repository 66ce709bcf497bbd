// stream-llm: the provider's stream read into parts, encoded for OpenAI's clients, broadcast.
import { createServer } from "node:http";
import { readOpenAIChat } from "../../dist/adapters/index.js";
import { createChannel, createSession } from "../../dist/index.js";
import { createProtocolWriter } from "../../dist/streaming/index.js";
import { listen, serve } from "./control.mjs";

const channel = createChannel({ serializer: String, eventId: null });
const sessions = [];
const server = createServer(async (req, res) => {
  const session = await createSession(req, res);
  channel.register(session);
  sessions.push(session);
});

async function relay(url) {
  const writer = createProtocolWriter("openai");
  let n = 0;
  for await (const part of readOpenAIChat(fetch(url, { method: "POST" }))) {
    for (const { data } of writer.write(part))
      channel.broadcast(data, "message", { eventId: String(n++) });
  }
}

await serve({
  open: () => listen(server),
  size: () => channel.sessionCount,
  stats: () => Object.fromEntries(sessions.map(({ transport }) => [transport, 1])),
  commands: {
    start({ url }) {
      relay(url);
    },
  },
});
