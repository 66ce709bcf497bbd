/** The chat demo. `npm run demo` starts it. */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import express from "express";
import { closeAll, createSession } from "stream-llm";

import { streamAnswer } from "./answer.js";
import { chooseProvider } from "./providers/index.js";
import { joinViewers, startReading } from "./viewers.js";

if (existsSync(".env")) process.loadEnvFile(".env");

const PORT = Number(process.env.PORT || 3000);
const HOST = process.env.HOST || "127.0.0.1";
const MAX_PROMPT_LENGTH = 4000;
const MAX_ANSWERS = 100;
const SHUTDOWN_MS = 3000;

if (!Number.isInteger(PORT) || PORT < 0 || PORT > 65535) {
  console.error(
    `PORT must be a whole number from 0 (any free port) to 65535, not "${process.env.PORT}".`,
  );
  process.exit(1);
}

const provider = await chooseProvider();
/** How many answers may still be started; see MAX_ANSWERS. */
let places = MAX_ANSWERS;
let answerCount = 0;

async function answer(req, res, prompt) {
  const number = ++answerCount;
  const startedAt = performance.now();
  // Nothing reconnects to this stream, so its events need neither a retry time nor ids.
  const session = await createSession(req, res, { retry: null, eventId: null });
  const title = provider.titleFor?.(prompt);
  const stopReading = startReading(req.body.viewer, title ? `“${title}”` : "an answer");
  try {
    const { tokens, outcome } = await streamAnswer(session, provider, prompt);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`answer ${number}: ${tokens} tokens in ${seconds} s, ${outcome}`);
  } finally {
    stopReading();
  }
}

const curlCommand = (port) =>
  `curl -N http://localhost:${port}/api/chat -H 'Content-Type: application/json' -d '{"prompt":"A poem, please"}'`;

const app = express();
app.disable("x-powered-by");
app.use((_req, res, next) => {
  res.setHeader(
    "Content-Security-Policy",
    "default-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  );
  res.setHeader("X-Content-Type-Options", "nosniff");
  next();
});
app.use(express.static(fileURLToPath(new URL("public", import.meta.url))));
app.use(
  "/vendor/eventsource-parser",
  express.static(dirname(fileURLToPath(import.meta.resolve("eventsource-parser/stream")))),
);

app.get("/api/provider", (_req, res) => {
  res.json({ name: provider.name, model: provider.model });
});

app.get("/api/viewers", joinViewers);

// POST, because an answer costs money: an EventSource would ask again by itself whenever the connection breaks. JSON
// only, because a page of another site cannot send that here without the browser's asking first.
app.post("/api/chat", express.json({ limit: "32kb" }), async (req, res) => {
  const prompt = typeof req.body?.prompt === "string" ? req.body.prompt.trim() : "";
  if (!prompt || prompt.length > MAX_PROMPT_LENGTH) {
    res.status(400).json({
      error: `Send JSON like {"prompt": "..."}, with 1 to ${MAX_PROMPT_LENGTH} characters.`,
    });
    return;
  }
  if (places === 0) {
    res.status(503).json({ error: "Too many answers are under way. Try again in a moment." });
    return;
  }

  places--;
  try {
    await answer(req, res, prompt);
  } finally {
    places++;
  }
});

app.all("/api/chat", (_req, res) => {
  res
    .status(405)
    .set("Allow", "POST")
    .type("text")
    .send(`Ask by POST:\n${curlCommand(PORT)}\n`);
});

app.use((error, _req, res, next) => {
  if (res.headersSent) return next(error);
  const status = error.status ?? 500;
  if (status >= 500) console.error(error);
  res.status(status).json({ error: status >= 500 ? "Something went wrong here." : error.message });
});

const server = app.listen(PORT, HOST);

server.once("listening", () => {
  const { port } = server.address();
  console.log(`Chat demo: http://localhost:${port}

Answers come from: ${provider.name}, ${provider.model}. Keys: see examples/chat/.env.example
The events as they arrive, one by one:
  ${curlCommand(port)}

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
  await closeAll();
  server.closeAllConnections();
}
process.on("SIGINT", shutDown);
process.on("SIGTERM", shutDown);
