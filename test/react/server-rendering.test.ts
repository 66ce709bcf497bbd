import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import type { Scenarios } from "./page/scenarios.ts";
import { openTestPage, reactVersions, serverModule } from "./rig.ts";
import { requests } from "./servers.ts";

interface ServerModule {
  render<Name extends keyof Scenarios>(name: Name, props: Scenarios[Name]): string;
}

/** What a hook's component is rendered with, and shows before it is connected. */
const cases = {
  stream: [{ url: "/tokens" }, { content: "", isDone: false, state: "connecting" }],
  channel: [{ url: "/events", label: "" }, { state: "connecting" }],
  chat: [
    { endpoint: "/api/chat", id: "c1", resume: true },
    {
      content: "",
      isStreaming: false,
      messages: [],
      usage: { promptTokens: 0, completionTokens: 0, totalTokens: 0 },
    },
  ],
} satisfies { [Name in keyof Scenarios]?: [Scenarios[Name], object] };

const names = Object.keys(cases) as (keyof typeof cases)[];

describe.each(reactVersions)("server rendering, on React %s", (version) => {
  it.each(names)(
    "of %s asks for nothing, and is taken over without a change",
    async (name) => {
      const [props, state] = cases[name];
      const globals = ["fetch", "setTimeout", "setInterval", "queueMicrotask"] as const;
      const { render } = await serverModule<ServerModule>("page/server.ts", version);
      const calls = globals.map((global) => vi.spyOn(globalThis, global));
      const complaints = vi.spyOn(console, "error");
      const html = render(name, props);
      expect(calls.flatMap(({ mock }) => mock.calls)).toEqual([]);
      expect(complaints.mock.calls).toEqual([]);
      vi.restoreAllMocks();

      const server = requests();
      const page = await openTestPage({ version, handle: server.handle, root: html });
      expect(await page.shown()).toEqual(state);
      const node = await page.tab.locator("#state").elementHandle();
      await page.render(name, props, { hydrate: true, strict: true });
      const request = await server.next();
      const isSame = (node: unknown) => node === document.getElementById("state");
      expect(await page.tab.evaluate(isSame, node)).toBe(true);
      if (name !== "chat") {
        request.begin().send("Hello", { id: "1" });
        await page.tab.locator("#state", { hasText: "Hello" }).waitFor();
        expect(await page.tab.evaluate(isSame, node)).toBe(true);
      }
      expect(page.complaints).toEqual([]);
    },
    60_000,
  );
});

it("the compiled package says that it is for the client, as its first statement", () => {
  const code = readFileSync(new URL("../../dist/react/index.js", import.meta.url), "utf8");
  expect(code).toMatch(/^"use client";\n/);
  // Next.js takes no `export *` from a module for the client.
  expect(code).not.toContain("*");
});
