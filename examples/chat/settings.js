/** What the environment says, or `.env` in the folder that the demo is started from. */
import { existsSync } from "node:fs";

if (existsSync(".env")) process.loadEnvFile(".env");

/** The number in a variable; one that is wrong ends the demo, which says what is expected. */
function numberFrom(name, otherwise, isValid, expected) {
  const given = process.env[name];
  const number = Number(given || otherwise);
  if (isValid(number)) return number;
  console.error(`${name} must be ${expected}, not "${given}".`);
  process.exit(1);
}

const isPort = (number) => Number.isInteger(number) && number >= 0 && number <= 65535;

export const PORT = numberFrom(
  "PORT",
  3000,
  isPort,
  "a whole number from 0 (any free port) to 65535",
);
export const HOST = process.env.HOST || "127.0.0.1";

/** How much the pauses of local texts are stretched. */
export const PACE = numberFrom(
  "DEMO_PACE",
  1,
  (pace) => pace >= 0 && pace <= 1000,
  "a number from 0 to 1000",
);

/** Long enough for a reload; nobody pays for an answer whose last tab was closed. */
export const UNWATCHED_MS = numberFrom(
  "DEMO_UNWATCHED_MS",
  10_000,
  (ms) => ms > 0 && ms < 2 ** 31,
  "a number of ms, more than 0",
);
