/** What the environment says, or `.env` in the folder that the server is started from or in the example's. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

for (const file of [".env", fileURLToPath(new URL("../.env", import.meta.url))]) {
  if (existsSync(file)) process.loadEnvFile(file); // what is set already stays
}

/** What a variable says; a value that is wrong ends the server, which says what is expected. */
function setting(name, otherwise, read, expected) {
  const given = process.env[name];
  const value = read(given || otherwise);
  if (value !== undefined) return value;
  // A secret is not for the log.
  const shown = name.endsWith("SECRET") ? "what it is" : `"${given}"`;
  console.error(`${name} must be ${expected}, not ${shown}.`);
  process.exit(1);
}

function isOrigin(text) {
  return URL.canParse(text) && new URL(text).origin === text;
}

const number = (isValid) => (text) => {
  const value = Number(text);
  return isValid(value) ? value : undefined;
};
const whole = (least, most) =>
  number((value) => Number.isInteger(value) && value >= least && value <= most);

export const PORT = setting(
  "PORT",
  3000,
  whole(0, 65535),
  "a whole number from 0 (any free port) to 65535",
);
export const HOST = process.env.HOST || "127.0.0.1";

/** Signs the tokens. One of this process alone unless set: its tokens end with it. */
export const JWT_SECRET = setting(
  "JWT_SECRET",
  randomBytes(32).toString("hex"),
  (text) => (text.length >= 32 ? new TextEncoder().encode(text) : undefined),
  "at least 32 characters, such as `openssl rand -hex 32` prints",
);

/** Other origins whose pages may ask this server: `https://app.example.com https://example.com`. */
export const CORS_ORIGINS = setting(
  "CORS_ORIGINS",
  "",
  (text) => {
    const origins = text.split(/[\s,]+/).filter(Boolean);
    return origins.every(isOrigin) ? origins : undefined;
  },
  "origins like https://app.example.com, separated by spaces",
);

/** How many reverse proxies stand before this server: whose `X-Forwarded-For` is to be believed. */
export const TRUSTED_PROXIES = setting(
  "TRUSTED_PROXIES",
  0,
  whole(0, 10),
  "a whole number from 0 to 10",
);

export const PROMPTS_PER_MINUTE = setting(
  "PROMPTS_PER_MINUTE",
  20,
  whole(1, 10_000),
  "a whole number from 1 to 10000",
);

/** How much the pauses of local texts are stretched. */
export const PACE = setting(
  "DEMO_PACE",
  1,
  number((pace) => pace >= 0 && pace <= 1000),
  "a number from 0 to 1000",
);

/** Long enough for a reload; nobody pays for an answer whose last tab was closed. */
export const UNWATCHED_MS = setting(
  "DEMO_UNWATCHED_MS",
  10_000,
  number((ms) => ms > 0 && ms < 2 ** 31),
  "a number of ms, more than 0",
);
