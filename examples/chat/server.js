/** The chat demo. `npm run demo` starts it. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import express from "express";
import { closeAll } from "stream-llm";

import { answers, startAnswer } from "./answer.js";
import { chooseProvider } from "./providers/index.js";
import { HOST, PORT } from "./settings.js";
import { joinViewers, startReading } from "./viewers.js";

const MAX_PROMPT_LENGTH = 4000;
const SHUTDOWN_MS = 3000;

const provider = await chooseProvider();

/** Streams an answer to one more tab, from its start, until its end. */
async function readAnswer(req, res, id) {
  res.setHeader("Content-Location", `/api/chat/${id}`);
  // Only the page asks again, and it says when.
  return answers.attach(id, req, res, { retry: null });
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

  const { id } = await startAnswer(provider, prompt);
  const session = await readAnswer(req, res, id);
  const title = provider.titleFor?.(prompt);
  const stopReading = startReading(req.body.viewer, title ? `“${title}”` : "an answer");
  if (session?.isConnected) session.once("disconnected", stopReading);
  else stopReading();
});

// For a page that was reloaded, or another tab.
app.get("/api/chat/:id/stream", async (req, res) => {
  const session = await readAnswer(req, res, req.params.id);
  if (!session) res.status(204).end();
});

app.post("/api/chat/:id/stop", async (req, res) => {
  await answers.stop(req.params.id);
  res.status(204).end();
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
  if (error.code === "too-many-generations") {
    res.status(503).json({ error: "Too many answers are under way. Try again in a moment." });
    return;
  }
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
  await answers.close();
  await closeAll();
  server.closeAllConnections();
}
process.on("SIGINT", shutDown);
process.on("SIGTERM", shutDown);
