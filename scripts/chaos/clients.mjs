// The clients of the chaos run: they come back whenever their connection breaks, and check what they are sent.
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createParser } from "eventsource-parser";
import { Random } from "../soak/random.mjs";
import { Checker } from "./checker.mjs";

const [port, count, seed] = process.argv.slice(2).map(Number);
const random = new Random(seed);
const mostSilence = 20_000;
const report = { connections: 0, refused: 0, silent: 0 };

/** One connection: resolves when it has ended, for whatever reason. */
function connect(checker) {
  return new Promise((resolve) => {
    const headers = checker.lastId === "" ? {} : { "Last-Event-ID": checker.lastId };
    const request = get({ port, host: "127.0.0.1", agent: false, headers });
    let timer;
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        report.silent++;
        request.destroy();
      }, mostSilence);
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
        report.refused++;
        end();
        return;
      }
      report.connections++;
      // What was cut off in the middle is forgotten with its parser.
      const parser = createParser({
        onEvent: ({ event, id, data }) => checker.take({ event, id, data }),
      });
      response.setEncoding("utf8").on("error", () => {});
      response.on("data", (text) => {
        listen();
        parser.feed(text);
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

const checkers = await Promise.all(Array.from({ length: count }, (_, at) => live(`client ${at}`)));
process.send({
  ...report,
  checked: checkers.reduce((sum, { checked }) => sum + checked, 0),
  gaps: checkers.reduce((sum, { gaps }) => sum + gaps, 0),
  failures: checkers.flatMap(({ failure }) => failure ?? []),
});
process.disconnect();
