import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const { exports } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

it("gives browsers the readers, and servers the adapters too", async () => {
  expect(exports["./adapters"].browser.default).toBe("./dist/adapters/index.js");
  expect(exports["./adapters"].default).toBe("./dist/adapters/server.js");
  const readers = Object.keys(await import("../../lib/adapters/index.ts"));
  const server = Object.keys(await import("../../lib/adapters/server.ts"));
  expect(server.filter((name) => !readers.includes(name)).sort()).toEqual([
    "AnthropicAdapter",
    "OpenAIAdapter",
  ]);
  expect(readers.every((name) => server.includes(name))).toBe(true);
});
