// The clients of the chaos run: they come back whenever their connection breaks, and check what they are sent.
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { Random } from "../soak/random.mjs";
import { Checker, understand } from "./checker.mjs";

const [port, count, seed] = process.argv.slice(2).map(Number);
const random = new Random(seed);
const mostSilence = 20_000;
const report = { connections: 0, silent: 0 };
/** How often nginx or a server answered with which other status than 200. */
const refused = {};

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

/** One connection: resolves when it has ended, for whatever reason. */
function connect(checker) {
  return new Promise((resolve) => {
    const headers = checker.lastId === "" ? {} : { "Last-Event-ID": checker.lastId };
    const request = get({ port, host: "127.0.0.1", agent: false, headers });
    let timer;
    let heard = 0;
    const giveUp = () => {
      const before = heard;
      // What has come while this process had no time is no silence.
      setImmediate(() => {
        if (heard > before) return;
        report.silent++;
        request.destroy();
      });
    };
    const listen = () => {
      heard++;
      timer ??= setTimeout(giveUp, mostSilence);
      timer.refresh();
    };
    const end = () => {
      clearTimeout(timer);
      request.destroy();
      resolve();
    };
    listen();
    request.once("error", end).once("close", end);
    request.once("response", (response) => {
      if (response.statusCode !== 200) {
        refused[response.statusCode] = (refused[response.statusCode] ?? 0) + 1;
        end();
        return;
      }
      report.connections++;
      const blocks = new Blocks();
      response.setEncoding("utf8").on("error", () => {});
      response.on("data", (text) => {
        listen();
        blocks.take(text, (block) => {
          for (const event of eventsOf(block)) checker.take(event);
        });
        if (checker.saidBye || checker.failure) end();
      });
      response.once("close", end);
    });
  });
}

async function live(name) {
  const checker = new Checker(name);
  await sleep(random.between(0, 20 * Math.sqrt(count)));
  while (!checker.saidBye && !checker.failure) {
    await connect(checker);
    if (!checker.saidBye) await sleep(random.between(50, 1000));
  }
  return checker;
}

const orphaned = () => process.exit(1);
process.once("disconnect", orphaned);
const checkers = await Promise.all(Array.from({ length: count }, (_, at) => live(`client ${at}`)));
process.send({
  ...report,
  refused,
  checked: checkers.reduce((sum, { checked }) => sum + checked, 0),
  gaps: checkers.reduce((sum, { gaps }) => sum + gaps, 0),
  failures: checkers.flatMap(({ failure }) => failure ?? []),
});
process.off("disconnect", orphaned);
process.disconnect();
