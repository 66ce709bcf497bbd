/**
 * Event ids: 11 characters that count up, from the time so that they also do across restarts, and
 * 4 that tell processes apart. As strings of equal length they sort in the order they were made.
 */

const digits = "0123456789abcdefghijklmnopqrstuvwxyz";
/** "00" to "zz", since writing base 36 with `toString` is most of what an id costs. */
const pairs = Array.from(
  { length: 36 * 36 },
  (_, n) => `${digits[Math.floor(n / 36)]}${digits[n % 36]}`,
);
const lowRange = 36 ** 4;

const processPart = Array.from(
  crypto.getRandomValues(new Uint32Array(4)),
  (random) => digits[random % 36],
).join("");

let last = 0;
let high = -1;
let highPart = "";

/** A new id, of 15 characters. */
export function autoId(): string {
  // Up to 1024 ids per ms before they run ahead of the clock, which does no harm.
  last = Math.max(last + 1, Date.now() * 1024);
  const low = last % lowRange;
  const rest = (last - low) / lowRange;
  if (rest !== high) {
    high = rest;
    highPart = rest.toString(36).padStart(7, "0");
  }
  return `${highPart}${pairs[Math.floor(low / 1296)]}${pairs[low % 1296]}${processPart}`;
}
