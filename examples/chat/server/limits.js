/** How often one may ask, counted in this process. Several servers count together with a store such as Redis. */
import { ipKeyGenerator, MemoryStore, rateLimit } from "express-rate-limit";

import { Refusal } from "./refusal.js";
import { PROMPTS_PER_MINUTE } from "./settings.js";

const MINUTE = 60_000;

const tooMany = () => new Refusal(429, "rate-limit", "Too many requests. Try again in a minute.");

const common = {
  windowMs: MINUTE,
  standardHeaders: "draft-8",
  legacyHeaders: false,
  handler: (_req, _res, next) => next(tooMany()),
};

/** Of each address: whatever it asks. */
export const requestLimit = rateLimit({ ...common, limit: 300 });

const prompts = new MemoryStore();

/** Of each visitor: what costs money. Comes after `authenticate`. */
export const promptLimit = rateLimit({
  ...common,
  limit: PROMPTS_PER_MINUTE,
  store: prompts,
  keyGenerator: (req) => req.subject ?? ipKeyGenerator(req.ip),
});

/** The same count for a prompt that comes over WebSocket. */
export async function countPrompt(subject) {
  const { totalHits } = await prompts.increment(subject);
  if (totalHits > PROMPTS_PER_MINUTE) throw tooMany();
}
