// The clients of the chaos run: they come back whenever their connection breaks, and check what they are sent.
import { setTimeout as sleep } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { Random } from "../soak/random.mjs";
import { Checker, understand } from "./checker.mjs";
import { Front } from "./front.mjs";

const [port, count, seed] = process.argv.slice(2).map(Number);
const random = new Random(seed);
const front = new Front(port);

/** What is between blank lines, and what it says. All clients get the same, which is parsed once. */
const known = new Map();
const mostKnown = 20_000;

function eventsOf(block) {
  const found = known.get(block);
  if (found) return found;
  const events = [];
  const parser = createParser({ onEvent: (event) => events.push(understand(event)) });
  parser.feed(block);
  if (known.size >= mostKnown) known.clear();
  // A copy, as a part would keep the whole that it is cut from.
  known.set(Buffer.from(block).toString(), events);
  return events;
}

/** Cuts a stream into its blocks. What was cut off in the middle is forgotten with this. */
class Blocks {
  #rest = "";

  take(text, onBlock) {
    const all = this.#rest + text;
    let from = 0;
    for (let end = all.indexOf("\n\n"); end >= 0; end = all.indexOf("\n\n", from)) {
      onBlock(all.slice(from, end + 2));
      from = end + 2;
    }
    this.#rest = all.slice(from);
  }
}

async function live(name) {
  const checker = new Checker(name);
  const isOver = () => checker.saidBye || checker.failure !== undefined;
  await sleep(random.between(0, 20 * Math.sqrt(count)));
  while (!isOver()) {
    const blocks = new Blocks();
    const onText = (text) => {
      blocks.take(text, (block) => {
        for (const event of eventsOf(block)) checker.take(event);
      });
      return !isOver();
    };
    await front.connect({ lastId: checker.lastId, onText });
    if (!isOver()) await sleep(random.between(50, 1000));
  }
  return checker;
}

const orphaned = () => process.exit(1);
process.once("disconnect", orphaned);
const checkers = await Promise.all(Array.from({ length: count }, (_, at) => live(`client ${at}`)));
process.send({
  endedAt: Date.now(),
  connections: front.connections,
  silent: front.silent,
  refused: front.refused,
  checked: checkers.reduce((sum, { checked }) => sum + checked, 0),
  gaps: checkers.reduce((sum, { gaps }) => sum + gaps, 0),
  failures: checkers.flatMap(({ failure }) => failure ?? []),
});
process.off("disconnect", orphaned);
process.disconnect();
