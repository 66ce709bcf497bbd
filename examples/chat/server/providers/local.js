/**
 * A stand-in for a model, which needs no API key: plays a local text back as OpenAI `chat.completion.chunk` objects,
 * with a model's pauses.
 */
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

import { PACE } from "../settings.js";

const folder = new URL("../texts/", import.meta.url);

/** By name, without their titles. */
const texts = Object.fromEntries(
  readdirSync(folder).map((file) => {
    const content = readFileSync(new URL(file, folder), "utf8");
    return [file.replace(/\.md$/, ""), content.replace(/^# .*\n+/, "").trimEnd()];
  }),
);

const topics = [
  ["poem", /poem|poetry|verse|haiku|rhyme|\brain\b/i],
  ["code", /code|snippet|express|javascript|typescript|function|program/i],
  ["backpressure", /slow|backpressure|buffer|stall|memory/i],
  ["markdown", /table|compare|list|markdown|format/i],
  ["hello", /\b(hi|hello|hey)\b|emoji|unicode|language|greet/i],
  ["sse", /\bsse\b|server-sent|event ?source|event ?stream|stream/i],
];

/** The text that suits a prompt. */
function choose(prompt) {
  const name = topics.find(([, pattern]) => pattern.test(prompt))?.[0] ?? "default";
  const quoted = prompt.length > 120 ? `${prompt.slice(0, 119)}…` : prompt;
  return texts[name].replace("{prompt}", () => quoted);
}

/** Cuts a text the way models do: words carry their leading space, long words come in parts. */
function tokenize(text) {
  return text.match(/\n+|[ \t]*[^\s]{1,6}|[ \t]+/gu) ?? [];
}

/** Milliseconds before the token that follows `previous`. */
function pauseAfter(previous) {
  if (previous === undefined) return 250 + Math.random() * 200;
  const breath = /[.!?:]$/.test(previous) ? 130 : /[,;]$|\n/.test(previous) ? 60 : 0;
  return breath + 12 + Math.random() * 26;
}

/** The chunks of one answer. Rejects with an `AbortError` as soon as `signal` aborts, as an SDK does. */
async function* play(messages, signal) {
  const prompt = messages.at(-1).content;
  const tokens = tokenize(choose(prompt));
  const head = {
    id: `chatcmpl-${randomUUID()}`,
    object: "chat.completion.chunk",
    created: Math.floor(Date.now() / 1000),
    model: "local-texts",
  };
  const choice = (delta, finish_reason = null) => ({
    ...head,
    choices: [{ index: 0, delta, finish_reason }],
  });

  yield choice({ role: "assistant", content: "" });
  for (const [index, content] of tokens.entries()) {
    await wait(pauseAfter(tokens[index - 1]) * PACE, undefined, { signal });
    yield choice({ content });
  }
  yield choice({}, "stop");

  const prompt_tokens = tokenize(prompt).length;
  const completion_tokens = tokens.length;
  yield {
    ...head,
    choices: [],
    usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
  };
}

/** @type {import("./index.js").Provider} */
export const local = {
  id: "local",
  name: "Local texts",
  model: "no model",
  open: play,
};
