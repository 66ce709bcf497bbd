// Shows that the checkers of the chaos run report what they are there for, by what is wrong on purpose.
import { Checker, understand } from "./checker.mjs";
import { generationCases } from "./generation-cases.mjs";

let clock = 0;
const event = (name, data) => ({ event: name, id: `${++clock}-0`, data: JSON.stringify(data) });
const all = (number) => event("all", { number });
const life = (number, name = "one") => event("life", { life: name, number });
const gap = (oldest, reason = "evicted") => ({
  event: "gap",
  data: JSON.stringify({ reason, oldest }),
});
const bye = (next) => event("bye", { next });

/** What a client is sent when nothing is wrong. */
const events = [all(0), all(1), life(0), all(2), life(1), life(0, "two"), all(3), all(4)];
const end = bye({ all: 5, one: 2, two: 1 });
const whole = [...events, end];
const without = (...at) => whole.filter((_, index) => !at.includes(index));
/** Events 2 to 5 are gone, and what is there from event `at` on follows. */
const told = (at, oldest = whole[at].id) => [
  ...events.slice(0, 2),
  gap(oldest),
  ...whole.slice(at),
];

/** Each case: the events, and what the checker is to report. */
const cases = {
  "nothing wrong": [whole, undefined],
  "more of a life than was told": [[...events, life(2), bye({ all: 5, one: 2 })], undefined],
  "a lost event": [without(1), /^it got all 2 where 1 should be$/],
  "a lost event of a life": [without(2), /^it got one 1 where 0 should be$/],
  "a lost last event": [without(7), /^it got at its end all 4, not 5$/],
  "a life that is lost": [without(5), /^it got at its end two undefined, not 1$/],
  "a doubled event": [whole.toSpliced(1, 0, whole[1]), /^it got \d+-0 after \d+-0$/],
  "a doubled event with another id": [[...events, all(4), end], /^it got all 4 where 5 should be$/],
  "events out of order": [[events[0], events[3], events[1]], /^it got all 2 where 1 should be$/],
  "an event without an id": [[{ ...events[0], id: undefined }], /^it got an event without an id$/],
  "a gap that covers what lacks": [told(6), undefined],
  "a gap with what is known again": [told(0), undefined],
  "a gap where nothing is there any more": [[...events, gap(null), end], undefined],
  "a gap that tells another event than follows": [
    told(7, whole[6].id),
    /^it got \S+ where a gap told \S+$/,
  ],
  "a lost event after a gap": [
    [...events.slice(0, 2), gap(whole[3].id), whole[3], ...whole.slice(7)],
    /^it got all 4 where 3 should be$/,
  ],
  "a gap of no kind": [[gap(null, "bored")], /^it got a gap because of bored$/],
};

function failureOf(sent) {
  const checker = new Checker("it");
  for (const each of sent) checker.take(understand(each));
  return checker.failure;
}

/** Prints what is reported for each; returns whether all is right. */
export function selfTest() {
  const channels = Object.entries(cases).map(([name, [sent, expected]]) => ({
    name,
    expected,
    failure: failureOf(sent),
  }));
  let isRight = true;
  for (const { name, expected, failure } of [...channels, ...generationCases()]) {
    const right = expected ? expected.test(failure ?? "") : failure === undefined;
    isRight &&= right;
    console.log(`${right ? "right" : "WRONG"}: ${name}: ${failure ?? "nothing reported"}`);
  }
  return isRight;
}
