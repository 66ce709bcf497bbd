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

const processPart = randomPart();
/** Of ids that do not tell when their event is sent. */
const loosePart = randomPart();

/** A clock that is not set: what was sent some seconds ago has a place some seconds ago. */
const origin = performance.timeOrigin;
let last = 0;
let high = -1;
let highPart = "";

function randomPart(): string {
  const random = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(random, (number) => digits[number % 36]).join("");
}

/** A new id, of 15 characters, for an event that is sent at once. */
export function autoId(): string {
  return newId(processPart);
}

/** A new id, of 15 characters, for an event whose id tells nothing of what its client got before it. */
export function looseId(): string {
  return newId(loosePart);
}

/** A place among all that `autoId()` gives: after those it gave so far, before those it will. */
export function autoOrder(): number {
  // Up to 1024 ids per ms before they run ahead of the clock, which does no harm.
  last = Math.max(last + 1, Math.floor(origin + performance.now()) * 1024);
  return last;
}

/** The place of an event that is sent now: that of its id, where nothing was given a place since. */
export function placeOf(id: string): number {
  const order = orderOf(id);
  return order === last ? order : autoOrder();
}

/** The place of an id, if it is one that `autoId()` can have given in this process. */
export function orderOf(id: string): number | undefined {
  if (id.length !== 15 || !id.endsWith(processPart)) return undefined;
  const order = Number.parseInt(id.slice(0, 11), 36);
  // That it reads the same again: `parseInt` takes more than was written.
  const isOurs = order <= last && order.toString(36).padStart(11, "0") === id.slice(0, 11);
  return isOurs ? order : undefined;
}

function newId(part: string): string {
  autoOrder();
  const low = last % lowRange;
  const rest = (last - low) / lowRange;
  if (rest !== high) {
    high = rest;
    highPart = rest.toString(36).padStart(7, "0");
  }
  return `${highPart}${pairs[Math.floor(low / 1296)]}${pairs[low % 1296]}${part}`;
}
