import { ask, resume } from "./answer.js";
import { running as kept } from "./running.js";
import { startTurn } from "./turn.js";
import { viewerKey, watchViewers } from "./viewers.js";

/** Over HTTP/1.1 a browser opens six connections to a host, shared by all its tabs; one of ours is the viewers'. */
const MAX_AT_ONCE = 4;

const form = document.querySelector("#composer");
const field = document.querySelector("#prompt");
const send = document.querySelector("#send");
const status = document.querySelector("#status");

/** Answers under way, oldest first. */
const running = [];

function resize() {
  field.style.height = "auto";
  const border = field.offsetHeight - field.clientHeight;
  field.style.height = `${Math.min(field.scrollHeight + border, 200)}px`;
}

function updateSend() {
  send.disabled = !field.value.trim() || running.length >= MAX_AT_ONCE;
  send.title = running.length >= MAX_AT_ONCE ? "Wait for an answer, or stop one" : "";
}

function submit(prompt) {
  if (running.length >= MAX_AT_ONCE) {
    status.textContent = `${MAX_AT_ONCE} answers are under way. Wait for one, or stop one.`;
    return;
  }
  status.textContent = "Asked. Escape stops the answer.";
  show(prompt, () => ask(prompt, viewerKey()));
}

/** Shows a question and its answer, which `open` asks for. */
async function show(prompt, open, resumed = false) {
  document.querySelector("#welcome").hidden = true;
  const turn = startTurn({
    list: document.querySelector("#turns"),
    prompt,
    open,
    resumed,
    onAskAgain: () => submit(prompt),
  });
  running.push(turn);
  updateSend();

  status.textContent = await turn.finished;
  running.splice(running.indexOf(turn), 1);
  updateSend();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const prompt = field.value.trim();
  if (!prompt || running.length >= MAX_AT_ONCE) return;
  field.value = "";
  resize();
  submit(prompt);
});

field.addEventListener("input", () => {
  resize();
  updateSend();
});

field.addEventListener("keydown", (event) => {
  // While an input method composes a character, Enter belongs to it.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) running.at(-1)?.stop();
});

document.querySelector("#suggestions").addEventListener("click", ({ target }) => {
  if (!(target instanceof HTMLButtonElement)) return;
  submit(target.textContent);
  field.focus({ preventScroll: true });
});

async function showProvider() {
  const response = await fetch("/api/provider");
  const { name, model } = await response.json();
  document.querySelector("#provider").textContent = `${name} · ${model}`;
}

updateSend();
// Where a keyboard would pop up over the page, the reader opens it.
if (matchMedia("(hover: hover)").matches) field.focus();
watchViewers();
showProvider();
for (const { address, prompt } of kept()) show(prompt, () => resume(address), true);
