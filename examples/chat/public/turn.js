/** One question with its answer, its meter and its own Stop button. */
import { AnswerError, eventsOf, stop as stopAnswer } from "./answer.js";
import { createMarkup } from "./markup.js";
import { createMeter } from "./meter.js";
import { forget, remember } from "./running.js";

const template = document.querySelector("#turn");
const METER_MS = 250;

/** Somebody stopped the answer, in this tab or another. */
class Stopped extends Error {}

/** Follows the end of the page only while the reader is there. */
function isAtEnd() {
  const { scrollHeight, scrollTop, clientHeight } = document.documentElement;
  return scrollHeight - scrollTop - clientHeight < 120;
}

export function scrollToEnd() {
  window.scrollTo({ top: document.documentElement.scrollHeight });
}

/**
 * Shows a question and streams its answer, which `open` asks for.
 * @returns {{stop: () => void, finished: Promise<string>}} `finished` tells how it ended, in words for a screen reader.
 */
export function startTurn({ list, prompt, open, resumed, onAskAgain }) {
  const item = template.content.cloneNode(true).firstElementChild;
  const find = (name) => item.querySelector(`.${name}`);
  const controller = new AbortController();
  const stop = () => controller.abort();

  find("question").textContent = prompt;
  find("stop").addEventListener("click", stop);
  find("again").addEventListener("click", onAskAgain);
  list.append(item);
  scrollToEnd();

  return { stop, finished: run({ item, find, prompt, open, resumed, signal: controller.signal }) };
}

async function run({ item, find, prompt, open, resumed, signal }) {
  const show = createMarkup(find("answer"));
  const meter = createMeter(resumed);
  let text = "";
  let frame = 0;

  // Tokens come faster than frames: at most one update of the page per frame, however many tokens.
  const paint = () => {
    frame = 0;
    const follow = isAtEnd();
    show(text);
    if (follow) scrollToEnd();
  };
  const tick = setInterval(() => showMeter(find, meter, "Streaming"), METER_MS);
  showMeter(find, meter, resumed ? "Streaming" : "Waiting for the first token");

  let outcome = { label: "Done", spoken: "Answer complete" };
  try {
    const response = await open();
    for await (const { event, data } of read(response, prompt, signal)) {
      if (event === "token") {
        meter.countToken();
        text += data.token;
        frame ||= requestAnimationFrame(paint);
      } else if (event === "usage") {
        meter.report(data.completionTokens);
      } else if (event === "error") {
        throw data.code === "ABORTED" ? new Stopped() : new AnswerError(data.error);
      }
    }
  } catch (error) {
    outcome = describeEnd(error);
  }

  clearInterval(tick);
  cancelAnimationFrame(frame);
  paint();
  finish(item, find, meter, outcome);
  return `${outcome.spoken}, ${meter.tokens} tokens`;
}

/** The answer's events, while Stop stops it. A page that is left, unlike Stop, stops nothing. */
async function* read(response, prompt, signal) {
  const address = response.headers.get("Content-Location");
  const stop = () => {
    forget(address);
    stopAnswer(address);
  };
  remember({ address, prompt });
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop);
  for await (const event of eventsOf(response, signal)) {
    if (event.event === "done" || event.event === "error") forget(address);
    yield event;
  }
}

function describeEnd(error) {
  if (error.name === "AbortError" || error instanceof Stopped)
    return { label: "Stopped", spoken: "Answer stopped" };
  const isExpected = error instanceof AnswerError;
  if (!isExpected) console.error(error);
  const label = isExpected ? error.message.replace(/\.$/, "") : "Something went wrong here";
  return { label, spoken: label, failed: true };
}

function showMeter(find, meter, label) {
  const measured = meter.toString();
  find("meter").textContent =
    measured && label === "Streaming" ? measured : [label, measured].filter(Boolean).join(" · ");
}

function finish(item, find, meter, { label, failed = false }) {
  showMeter(find, meter, label);
  item.classList.toggle("failed", failed);
  find("answer").ariaBusy = "false";
  find("again").hidden = label === "Done";
  // The button that has the focus is about to go: hand the focus on, or the keyboard is lost.
  if (document.activeElement === find("stop"))
    document.querySelector("#prompt").focus({ preventScroll: true });
  find("stop").remove();
}
