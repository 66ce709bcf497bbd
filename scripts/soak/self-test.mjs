// Shows that the soak's checker reports what it is there for, by events that are wrong on purpose.
import { createEventBuffer } from "stream-llm";
import { Checker } from "./checker.mjs";

const client = { secret: "mine", group: 1 };
const own = (number, secret = client.secret) => ["own", { secret, number }];
const all = (number) => ["all", { number }];
const ofGroup = (number, group = client.group) => ["group", { group, number }];
const totals = (event, next) => [event, { secret: client.secret, next }];

/** What a healthy client is sent: first the numbers from which it counts, at last those it has come to. */
const events = [
  totals("hello", { all: 7, group: 3, own: 0 }),
  ...[own(0), all(7), own(1), ofGroup(3), all(8), own(2), ofGroup(4), all(9)],
  totals("bye", { all: 10, group: 5, own: 3 }),
];
const last = events.length - 2;
const without = (at) => events.toSpliced(at, 1);
const inserted = (at, event) => events.toSpliced(at, 0, event);

/** Each case: the events, whether the client may miss some, and what the checker is to report. */
const cases = {
  "nothing wrong": [events, false, undefined],
  "a lost event": [without(3), false, /^mine got own 2 where 1 should be$/],
  "a lost event of all": [without(2), false, /^mine got all 8 where 7 should be$/],
  "a lost last event": [without(last), false, /^mine got at its end /],
  "a doubled event": [inserted(4, own(1)), false, /^mine got own 1 where 2 should be$/],
  "events out of order": [
    events.with(1, own(1)).with(3, own(0)),
    false,
    /^mine got own 1 where 0 should be$/,
  ],
  "a crossed event": [inserted(4, own(2, "theirs")), false, /^mine got what is theirs's$/],
  "a crossed event of a group": [
    inserted(5, ofGroup(4, 2)),
    false,
    /^mine got an event of group 2$/,
  ],
  "a lost event, which may be": [without(3), true, undefined],
  "a doubled event, where some may be lost": [inserted(4, own(1)), true, /own 1 where 2/],
  "a crossed event, where some may be lost": [inserted(4, own(2, "theirs")), true, /theirs/],
};

const bytesOf = (events) => {
  const buffer = createEventBuffer({ eventId: null });
  for (const [event, data] of events) buffer.push(data, event);
  return Buffer.from(buffer.read());
};

/** What the checker reports of `bytes`, which come a few at a time. */
function reported(bytes, mayMiss) {
  const checker = new Checker({ ...client, mayMiss });
  for (let from = 0; from < bytes.length; from += 5) checker.feed(bytes.subarray(from, from + 5));
  if (!checker.failure && !checker.saidBye) return "its end did not come";
  return checker.failure;
}

/** Prints what is reported in each case. Returns whether that is right. */
export function selfTest() {
  let isRight = true;
  const report = (name, failure, isExpected) => {
    isRight &&= isExpected;
    console.log(`${isExpected ? "right" : "WRONG"}: ${name}: ${failure ?? "nothing reported"}`);
  };
  for (const [name, [events, mayMiss, expected]] of Object.entries(cases)) {
    const failure = reported(bytesOf(events), mayMiss);
    report(name, failure, expected ? expected.test(failure ?? "") : failure === undefined);
  }
  const bytes = bytesOf(events);
  bytes[bytes.indexOf("data:") + 6] = 0xff;
  const failure = reported(bytes, false);
  report("a damaged byte", failure, failure !== undefined);
  return isRight;
}
