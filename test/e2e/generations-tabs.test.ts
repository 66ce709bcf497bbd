import { createServer, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import type { Generations } from "../../lib/streaming/server.ts";
import {
  make,
  openTab,
  serveGenerations,
  type Tab,
  textOf,
} from "../streaming/generations-setup.ts";
import { eventually, listen, within } from "./harness.ts";

/** A provider of OpenAI's API over HTTP that says its tokens when the test does. */
async function fakeProvider() {
  const asked: { response: ServerResponse; socket: Socket }[] = [];
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    asked.push({ response, socket: request.socket });
  });
  const { origin } = await listen(server);
  const write = (choice: object) => {
    const data = { id: "c1", model: "m", created: 1, choices: [{ index: 0, ...choice }] };
    asked[0]?.response.write(`data: ${JSON.stringify(data)}\n\n`);
  };
  return {
    asked,
    ask: ({ signal }: { signal: AbortSignal }) => fetch(origin, { method: "POST", signal }),
    say: (content: string) => write({ delta: { content }, finish_reason: null }),
    end: () => {
      write({ delta: {}, finish_reason: "stop" });
      asked[0]?.response.end("data: [DONE]\n\n");
    },
  };
}

const tokens = Array.from({ length: 60 }, (_, at) => ` token ${at}\n`);
const whole = tokens.join("");

async function running(): Promise<{
  generations: Generations;
  provider: Awaited<ReturnType<typeof fakeProvider>>;
  url: string;
}> {
  const provider = await fakeProvider();
  const generations = make();
  const url = (await serveGenerations(generations))("a");
  await generations.start("a", provider.ask);
  await eventually(() => provider.asked.length === 1, "question");
  return { generations, provider, url };
}

describe("20 tabs on one generation", () => {
  it("have the same answer, also those that reload, and one that is cut and resumes", async () => {
    const { generations, provider, url } = await running();
    const opening = (count: number) =>
      Promise.all(Array.from({ length: count }, () => openTab(url)));
    const early = await opening(10);
    const say = (from: number, to: number) => tokens.slice(from, to).forEach(provider.say);
    say(0, 20);
    const [reloads, cut] = [early.slice(0, 4), early[4] as Tab];
    await Promise.all(early.map(({ has }) => has(21)));
    for (const tab of [...reloads, cut]) tab.close();
    const seen = [...cut.events];
    say(20, 40);
    const resumed = await openTab(url, seen.at(-1)?.id);
    const late = await opening(10);
    const reloaded = await opening(reloads.length);
    say(40, 60);
    provider.end();
    const tabs = [...early.slice(5), ...late, ...reloaded];
    expect(tabs.length + 1).toBe(20);
    await within(Promise.all([...tabs, resumed].map(({ ended }) => ended)), "ends");
    for (const tab of tabs) expect(tab.text).toBe(whole);
    expect(textOf([...seen, ...resumed.events])).toBe(whole);
    for (const { events } of [...tabs, resumed]) expect(events.at(-1)?.event).toBe("done");
    const ids = [...seen, ...resumed.events].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(provider.asked).toHaveLength(1);
    expect((await generations.get("a"))?.text).toBe(whole);
  });

  it("are told when one of them stops it, and the provider's connection closes", async () => {
    const { generations, provider, url } = await running();
    const tabs = await Promise.all(Array.from({ length: 20 }, () => openTab(url)));
    const socketClosed = new Promise<void>((resolve) => {
      provider.asked[0]?.socket.once("close", () => resolve());
    });
    tokens.slice(0, 10).forEach(provider.say);
    await tabs[0]?.has(11);
    expect(await generations.stop("a")).toBe(true);
    await within(socketClosed, "closed connection of the provider");
    await within(Promise.all(tabs.map(({ ended }) => ended)), "ends");
    const { text } = (await generations.get("a")) ?? {};
    expect(text?.startsWith(tokens.slice(0, 10).join(""))).toBe(true);
    for (const tab of tabs) {
      expect(tab.text).toBe(text);
      expect(tab.events.at(-1)?.event).toBe("error");
    }
    expect(provider.asked).toHaveLength(1);
  });
});
