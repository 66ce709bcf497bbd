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

it("gives browsers parts, answers and protocols, and servers what needs the engine too", async () => {
  expect(exports["./streaming"].browser.default).toBe("./dist/streaming/index.js");
  expect(exports["./streaming"].default).toBe("./dist/streaming/server.js");
  const portable = Object.keys(await import("../../lib/streaming/index.ts"));
  const server = Object.keys(await import("../../lib/streaming/server.ts"));
  expect(portable.every((name) => server.includes(name))).toBe(true);
  expect(server.filter((name) => !portable.includes(name))).toEqual(
    expect.arrayContaining(["StreamingResponse", "createGenerations", "createMeter"]),
  );
});
