/** How often one may ask, counted in this process. Several servers count together with a store such as Redis. */
import { ipKeyGenerator, MemoryStore, rateLimit } from "express-rate-limit";

import { Refusal } from "./refusal.js";
import { PROMPTS_PER_MINUTE, TRUSTED_PROXIES } from "./settings.js";

const MINUTE = 60_000;
const REQUESTS_PER_MINUTE = 300;

const tooMany = () => new Refusal(429, "rate-limit", "Too many requests. Try again in a minute.");

const common = {
  windowMs: MINUTE,
  standardHeaders: "draft-8",
  legacyHeaders: false,
  handler: (_req, _res, next) => next(tooMany()),
};

const requests = new MemoryStore();
const prompts = new MemoryStore();

/** Of each address: whatever it asks. */
export const requestLimit = rateLimit({ ...common, limit: REQUESTS_PER_MINUTE, store: requests });

/** Of each visitor: what costs money. Comes after `authenticate`. */
export const promptLimit = rateLimit({
  ...common,
  limit: PROMPTS_PER_MINUTE,
  store: prompts,
  keyGenerator: (req) => req.subject ?? ipKeyGenerator(req.ip),
});

async function count(store, key, limit) {
  const { totalHits } = await store.increment(key);
  if (totalHits > limit) throw tooMany();
}

/** The same count for a WebSocket that is to be opened, which Express does not see. */
export function countUpgrade({ headers, socket }) {
  const forwarded = (headers["x-forwarded-for"] ?? "").split(",").map((each) => each.trim());
  const hops = [socket.remoteAddress ?? "", ...forwarded.filter(Boolean).reverse()];
  const address = hops[Math.min(TRUSTED_PROXIES, hops.length - 1)]; // as `req.ip` of Express
  return count(requests, ipKeyGenerator(address), REQUESTS_PER_MINUTE);
}

/** The same count for a prompt that comes over WebSocket. */
export const countPrompt = (subject) => count(prompts, subject, PROMPTS_PER_MINUTE);
