/**
 * Who asks: a signed token (JWT) that the page gets from `/api/session` and sends with everything else. Here everyone
 * gets one; where people sign in, give it after that, with their id as its subject.
 */
import { randomUUID } from "node:crypto";

import { jwtVerify, SignJWT } from "jose";

import { Refusal } from "./refusal.js";
import { JWT_SECRET } from "./settings.js";

const LIFETIME_S = 60 * 60;
const ISSUER = "stream-llm-chat";

async function issue(subject) {
  const token = await new SignJWT()
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer(ISSUER)
    .setAudience(ISSUER)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(`${LIFETIME_S} s`)
    .sign(JWT_SECRET);
  return { token, expiresAt: Date.now() + LIFETIME_S * 1000 };
}

/**
 * Of a token of ours that has not expired: who asks, and when it does, in ms since 1970.
 *
 * @param {string | undefined} token
 * @returns {Promise<{subject: string, expiresAt: number}>}
 */
export async function claimsOf(token) {
  try {
    const { payload } = await jwtVerify(token ?? "", JWT_SECRET, {
      algorithms: ["HS256"],
      issuer: ISSUER,
      audience: ISSUER,
      requiredClaims: ["exp"],
    });
    if (payload.sub) return { subject: payload.sub, expiresAt: payload.exp * 1000 };
  } catch {
    // No token, a forged one, an expired one: what it was is nobody's business.
  }
  throw new Refusal(401, "unauthorized", "Get a token: POST /api/session. Send it as Bearer.");
}

const bearer = (req) => /^Bearer (\S+)$/i.exec(req.get("authorization") ?? "")?.[1];

/** Lets through who has a token: `req.subject`, until `req.expiresAt`. */
export async function authenticate(req, res, next) {
  try {
    Object.assign(req, await claimsOf(bearer(req)));
  } catch (error) {
    res.set("WWW-Authenticate", "Bearer");
    throw error;
  }
  next();
}

/** Calls `end` when the token of the request expires; returns what makes it not be called. */
export function whenExpired({ expiresAt }, end) {
  const timer = setTimeout(end, expiresAt - Date.now());
  return () => clearTimeout(timer);
}

/** POST handler: a new token, for the same subject where the request has one that is still good. */
export async function giveToken(req, res) {
  const claims = await claimsOf(bearer(req)).catch(() => undefined);
  const session = await issue(claims?.subject ?? randomUUID());
  res.set("Cache-Control", "no-store");
  if (req.accepts(["json", "text"]) === "text") res.type("text").send(session.token);
  else res.json(session);
}
