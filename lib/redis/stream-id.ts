/** Ids of Redis Streams: a time in ms and a number that tells entries of one ms apart, 64 bits each. */

/** Before all entries. */
export const beforeAll = "0-0";

const form = /^(0|[1-9]\d{0,19})-(0|[1-9]\d{0,19})$/;
const most = String(2n ** 64n - 1n);

/** Whether it is the one way to write an id. A client can send anything. */
export function isStreamId(text: string): boolean {
  const [, time, sequence] = form.exec(text) ?? [];
  return time !== undefined && sequence !== undefined && fits(time) && fits(sequence);
}

/** Less than 0 when `one` comes before `other`, more than 0 when it comes after. Both must be ids. */
export function compareIds(one: string, other: string): number {
  const [time = "", sequence = ""] = one.split("-");
  const [otherTime = "", otherSequence = ""] = other.split("-");
  return compareDigits(time, otherTime) || compareDigits(sequence, otherSequence);
}

function fits(digits: string): boolean {
  return compareDigits(digits, most) <= 0;
}

/** Without leading zeros, so that the longer is the larger. 64 bits are more than a number holds exactly. */
function compareDigits(one: string, other: string): number {
  if (one.length !== other.length) return one.length - other.length;
  return one < other ? -1 : Number(one > other);
}
