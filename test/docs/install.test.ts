import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const read = (page: string) => readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");

const { peerDependencies } = JSON.parse(read("package.json"));

/** What a page says to install. */
function installed(page: string): Set<string> {
  const commands = [...read(page).matchAll(/npm install ([^`#\n]+)/g)];
  return new Set(commands.flatMap(([, names = ""]) => names.trim().split(/\s+/)));
}

it.each([
  ["README.md", ["stream-llm", ...Object.keys(peerDependencies)]],
  ["docs/redis.md", ["stream-llm", "ioredis"]],
  ["docs/react.md", ["stream-llm", "react"]],
  ["docs/websocket.md", ["stream-llm", "ws"]],
  ["docs/generations.md", ["gpt-tokenizer"]],
])("%s says how to install %j", (page, names) => {
  expect([...installed(page)]).toEqual(expect.arrayContaining(names));
});
