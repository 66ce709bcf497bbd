/** The routes. Everything under `/api` but the token itself asks for a token. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import cors from "cors";
import express from "express";
import helmet from "helmet";
import { createSession } from "stream-llm";
import { generationHandlers } from "stream-llm/streaming";

import { answers, describeConversation, isTheirs } from "./answers.js";
import { conversationOf, createConversation } from "./conversations.js";
import { promptLimit, requestLimit } from "./limits.js";
import { enter, nameOf } from "./presence.js";
import { providers } from "./providers/index.js";
import { questionOf } from "./questions.js";
import { Refusal, refuse } from "./refusal.js";
import { CORS_ORIGINS, TRUSTED_PROXIES } from "./settings.js";
import { authenticate, giveToken, whenExpired } from "./tokens.js";
import { useChat } from "./use-chat.js";

const built = fileURLToPath(new URL("../dist/", import.meta.url));

const chat = generationHandlers(answers, {
  start: (req) => questionOf(req.subject, req.body),
  authorize: (req, id) => isTheirs(req.subject, id),
});

const api = express.Router();

// The page and nobody else's, unless CORS_ORIGINS says whose. The token is no cookie, so no credentials.
api.use(cors({ origin: CORS_ORIGINS, exposedHeaders: ["Retry-After"] }));
api.use(requestLimit);
api.post("/session", giveToken);
api.use(authenticate);

api.get("/providers", (_req, res) => {
  res.json(providers.map(({ id, name, model }) => ({ id, name, model })));
});

api.post("/conversations", async (req, res) => {
  res.status(201).json(await describeConversation(createConversation(req.subject)));
});

api.get("/conversations/:id", async (req, res) => {
  res.json(await describeConversation(conversationOf(req.subject, req.params.id)));
});

/** What happens in a conversation, and who is here: one session in two channels. */
api.get("/conversations/:id/events", async (req, res) => {
  const { subject } = req;
  const conversation = conversationOf(subject, req.params.id);
  const session = await createSession(req, res, { state: { subject } });
  if (!session.isConnected) return;
  // The page comes back with its next token.
  session.once(
    "disconnected",
    whenExpired(req, () => session.close()),
  );
  conversation.channel.register(session);
  session.push({ version: conversation.version, you: nameOf(subject) }, "hello");
  enter(session);
});

// POST, because an answer costs money: an EventSource would ask again by itself whenever the connection breaks.
api.post("/chat", express.json({ limit: "32kb" }), promptLimit, chat.post);
api.get("/chat/:id/stream", chat.stream);
api.post("/chat/:id/stop", chat.stop);

api.post("/use-chat", express.json({ limit: "64kb" }), promptLimit, useChat.post);
api.get("/use-chat/:id/stream", useChat.stream);
api.post("/use-chat/:id/stop", useChat.stop);

api.use((req) => {
  throw new Refusal(404, "not-found", `There is no ${req.method} ${req.originalUrl}.`);
});

export const app = express();
app.set("trust proxy", TRUSTED_PROXIES);
app.use(
  helmet({
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        // Images of an answer would tell their server who reads it, and what: the page shows links instead.
        imgSrc: ["'self'", "data:"],
        styleSrc: ["'self'"],
        fontSrc: ["'self'"],
        frameAncestors: ["'none'"],
        upgradeInsecureRequests: null, // it is served over HTTP here; behind TLS, leave this line out
      },
    },
  }),
);
app.use("/api", api);
app.use("/assets", express.static(`${built}assets`, { immutable: true, maxAge: "1y" }));
app.use(express.static(built, { index: existsSync(built) ? "index.html" : false }));
app.get("/", (_req, res) => {
  res.status(503).type("text").send("The page is not built yet: npm run build -w examples/chat\n");
});
app.use(refuse);
