/** The chat's server. `npm run demo` builds the page and starts it. */
import { closeAll } from "stream-llm";

import { answers } from "./answers.js";
import { app } from "./app.js";
import { providers } from "./providers/index.js";
import { HOST, PORT } from "./settings.js";
import { useChat } from "./use-chat.js";
import { serveWebSockets } from "./websockets.js";

const SHUTDOWN_MS = 8000;

const server = app.listen(PORT, HOST);
const closeWebSockets = serveWebSockets(server);

server.once("listening", () => {
  const origin = `http://localhost:${server.address().port}`;
  const names = providers.map(({ name, model }) => `${name} (${model})`).join(", ");
  console.log(`Chat: ${origin}

Answers come from: ${names}. Keys: see examples/chat/.env.example
The events as they arrive, one by one:
  TOKEN=$(curl -s -X POST ${origin}/api/session -H 'Accept: text/plain')
  curl -N ${origin}/api/chat -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '{"prompt":"A poem, please"}'

Ctrl+C stops the server.`);
});

server.once("error", (error) => {
  if (error.code === "EADDRINUSE") {
    console.error(`Port ${PORT} is taken. Choose another one: PORT=${PORT + 1} npm run demo`);
  } else {
    console.error(`Cannot listen on ${HOST}:${PORT}: ${error.message}`);
  }
  process.exit(1);
});

let isClosing = false;
async function shutDown() {
  if (isClosing) return;
  isClosing = true;
  setTimeout(() => process.exit(1), SHUTDOWN_MS).unref();
  server.close();
  await Promise.all([answers.close(), useChat.close()]);
  await closeAll();
  closeWebSockets();
  server.closeAllConnections();
}
process.on("SIGINT", shutDown);
process.on("SIGTERM", shutDown);
