import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RawClient } from "../e2e/harness.ts";
import { fakeProvider } from "../e2e/providers.ts";
import { testSnippets } from "./document.ts";
import { readBlocks, root } from "./markdown.ts";
import { openStream, readEvents } from "./programs.ts";

const hello = { data: '"Hello world!"' };
const post = { method: "POST", headers: { "Content-Type": "application/json" } };
const question = { ...post, body: JSON.stringify({ prompt: "Hello?" }) };
const all = Number.POSITIVE_INFINITY;
const names = (events: { event?: string | undefined }[]) => events.map(({ event }) => event);
const data = (events: { data: string }[]) => events.map((event) => JSON.parse(event.data));

const openaiEnv = (origin: string) => ({ OPENAI_API_KEY: "x", OPENAI_BASE_URL: `${origin}/v1` });

testSnippets("README.md", {
  async express(start) {
    const { events } = await readEvents(`${await start().origin()}/sse`, 1);
    expect(events).toMatchObject([hello]);
  },

  async browser(start) {
    const origin = await start({ name: "express" }).origin();
    await start({ runtime: "browser", origin }).printed("Hello world!");
  },

  async hono(start) {
    const { events } = await readEvents(`${await start().origin()}/sse`, 1);
    expect(events).toMatchObject([hello]);
  },

  async channels(start) {
    const origin = await start().origin();
    const admin = await openStream(`${origin}/news?admin=yes`);
    expect(data(await admin.take(1))).toEqual([{ readers: 1 }]);
    const other = await openStream(`${origin}/news`);
    expect(data(await other.take(1))).toEqual([{ readers: 2 }]);
    await fetch(`${origin}/alert`, { method: "POST" });
    await openStream(`${origin}/news`);
    expect(names(await admin.take(3))).toEqual(["readers", "alert", "readers"]);
    expect(data(await other.take(1))).toEqual([{ readers: 3 }]);
  },

  async answer(start) {
    const provider = await fakeProvider();
    const program = start({ env: openaiEnv(provider.origin) });
    const { events } = await readEvents(`${await program.origin()}/chat`, all, question);
    const tokens = events.filter(({ event }) => event === "token");
    expect(data(tokens).map(({ token }) => token)).toEqual(provider.tokens);
    expect(events.at(-1)?.event).toBe("done");
    await program.printed(`stop ${provider.tokens.join("")}`);

    const endless = await fakeProvider({ endless: true });
    const other = start({ env: openaiEnv(endless.origin) });
    await readEvents(`${await other.origin()}/chat`, 3, question);
    await (await endless.requests.next("request")).aborted;
    await other.printed("broken off");
  },

  async generations(start) {
    const provider = await fakeProvider();
    const origin = await start({ env: openaiEnv(provider.origin) }).origin();
    const url = `${origin}/answers/1`;
    expect((await fetch(url, question)).status).toBe(201);
    for (let tab = 0; tab < 2; tab++) {
      const { events } = await readEvents(url);
      const tokens = events.filter(({ event }) => event === "token");
      expect(
        data(tokens)
          .map(({ token }) => token)
          .join(""),
      ).toBe(provider.tokens.join(""));
      expect(events.at(-1)?.event).toBe("done");
    }
    expect((await fetch(`${origin}/answers/2`)).status).toBe(204);
  },

  async clock(start) {
    const program = start();
    const { events } = await readEvents(`${await program.origin()}/clock`, 1);
    expect(data(events)[0]).toMatch(/^\d{4}-/);
    await program.printed("stopped: client-closed");
  },

  async "slow-consumer"(start) {
    const program = start();
    const { events } = await readEvents(`${await program.origin()}/sse`, 1);
    expect(data(events)).toEqual([{ price: 42 }]);
    await program.printed("gone: client-closed");
  },

  async resume(start) {
    const origin = await start().origin();
    const all = await readEvents(`${origin}/sse`, 4);
    expect(data(all.events)).toEqual(["one", "two", "three", "four"]);
    const rest = await readEvents(`${origin}/sse`, 2, { headers: { "Last-Event-ID": "1" } });
    expect(rest.events).toMatchObject([
      { id: "2", data: '"three"' },
      { id: "3", data: '"four"' },
    ]);
  },

  async shutdown(start) {
    const program = start();
    const origin = await program.origin();
    const stream = await openStream(`${origin}/sse`);
    expect(await stream.take(1)).toMatchObject([hello]);
    // One that never finishes its request.
    const client = await RawClient.connect(Number(new URL(origin).port));
    client.write("GET /sse HTTP/1.1\r\n");
    program.signal("SIGTERM");
    expect(names(await stream.take(1))).toEqual(["farewell"]);
    await program.finished();

    const other = start();
    const second = await openStream(`${await other.origin()}/sse`);
    await second.take(1);
    other.signal("SIGINT");
    expect(names(await second.take(1))).toEqual(["farewell"]);
    await other.finished();
  },

  async errors(start) {
    const program = start();
    const controller = new AbortController();
    await fetch(`${await program.origin()}/sse`, { signal: controller.signal });
    controller.abort();
    await program.printed("not-connected");
  },
});

const pages = [
  "README.md",
  "docs/api.md",
  "docs/recipes.md",
  "docs/streaming.md",
  "docs/generations.md",
  "docs/design.md",
];
const read = (file: string) => readFileSync(new URL(file, root), "utf8");

test("the commands of the documents exist", () => {
  const { scripts, bin } = JSON.parse(read("package.json"));
  for (const file of pages) {
    for (const [, name] of read(file).matchAll(/npm (?:run (\S+?)|test)\b/g)) {
      expect(scripts, `${file}: npm run ${name}`).toHaveProperty(name ?? "test");
    }
    for (const [, name] of read(file).matchAll(/npx ([\w-]+)/g))
      expect(bin).toHaveProperty(name ?? "");
  }
});

test("every public name is in the API document", () => {
  const api = read("docs/api.md");
  const names = [...read("lib/index.ts").matchAll(/\b(?:type )?([A-Za-z]+)(?=,| }|,?\n)/g)];
  expect(names.length).toBeGreaterThan(30);
  for (const [, name = ""] of names) expect(api).toMatch(new RegExp(`\\b${name}\\b`));
});

test("the links of the documents lead somewhere", () => {
  for (const file of pages) {
    const headings = (text: string) =>
      Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading]) =>
        heading
          ?.toLowerCase()
          .replaceAll(/[^\w -]/g, "")
          .replaceAll(" ", "-"),
      );
    for (const [, link = ""] of read(file).matchAll(/\]\(([^)]+)\)/g)) {
      if (link.startsWith("https://")) continue;
      const [path, anchor] = link.split("#");
      const target = path ? new URL(path, new URL(file, root)) : new URL(file, root);
      const text = readFileSync(target, "utf8");
      if (anchor) expect(headings(text), `${file}: ${link}`).toContain(anchor);
    }
  }
});

test("every block of the documents has a language that says whether it is run", () => {
  const known = ["js", "ts", "sh", "diff", "nginx", ""];
  for (const file of pages) {
    for (const { language, line } of readBlocks(file)) {
      expect(known, `${file}:${line}`).toContain(language);
    }
  }
});
