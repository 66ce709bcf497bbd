import express from "express";
import { describe, expect, it } from "vitest";
import { generationHandlers } from "../../lib/streaming/server.ts";
import { make, Scripted, usage } from "../streaming/generations-setup.ts";
import { finish, start } from "../streaming/written.ts";
import { openTestPage, reactVersions } from "./rig.ts";

/** An API for chats, whose answers are what the test says. */
function api() {
  const provider = new Scripted();
  const app = express();
  const { post, stream, stop } = generationHandlers<express.Request>(make({ protocol: "ai-sdk" }), {
    start: ({ body }) => ({ id: body.id, run: provider.source }),
    authorize: () => true,
  });
  app.post("/api/chat", express.json(), post);
  app.get("/api/chat/:id/stream", stream);
  app.post("/api/chat/:id/stop", stop);
  return { provider, handle: app };
}

describe.each(reactVersions)("useChat of the AI SDK, on React %s", (version) => {
  it("has its answer whole after a reload in the middle, and the provider is asked once", async () => {
    const { provider, handle } = api();
    const { tab, complaints } = await openTestPage({ version, handle, entry: "page/ai-sdk.ts" });
    const answer = tab.locator("p.assistant");
    const says = (text: string) =>
      tab.waitForFunction(
        (text) => document.querySelector("p.assistant:last-of-type")?.textContent === text,
        text,
        { polling: 20 },
      );
    const status = (text: string) => tab.locator("#status", { hasText: text }).waitFor();

    await status("ready");
    await tab.getByRole("button", { name: "Ask" }).click();
    provider.say(start, "Hello", ", wor");
    await says("Hello, wor");
    expect(await tab.locator("#status").textContent()).toBe("streaming");

    await tab.reload();
    await says("Hello, wor");
    provider.say("ld");
    await says("Hello, world");
    provider.say("!", usage, finish);
    await says("Hello, world!");
    await status("ready");
    expect(await answer.count()).toBe(1);
    expect(provider.asked).toBe(1);
    expect(provider.stopped).toBe(false);

    // Once more, when it has ended.
    await tab.reload();
    await says("Hello, world!");
    expect(provider.asked).toBe(1);
    expect(complaints).toEqual([]);
  }, 60_000);
});
