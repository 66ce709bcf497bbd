/** Pages with the hooks, under each React that they are for, in Chromium and on the server. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, onTestFinished } from "vitest";
import { startBrowser } from "../e2e/browser.ts";
import { listen, patience } from "../e2e/harness.ts";
import type { Rig } from "./page/rig.ts";
import type { Scenarios } from "./page/scenarios.ts";

export type ReactVersion = "18" | "19";
export const reactVersions: ReactVersion[] = ["18", "19"];

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const react18 = createRequire(here("react-18/package.json"));

function alias(version: ReactVersion): Record<string, string> {
  if (version === "19") return {};
  const folderOf = (name: string) =>
    react18.resolve(`${name}/package.json`).slice(0, -"/package.json".length);
  return { react: folderOf("react"), "react-dom": folderOf("react-dom") };
}

/** A module and all that it imports, with React in its development build, which warns. */
export async function bundle(entry: string, version: ReactVersion, platform: "browser" | "node") {
  const { outputFiles } = await build({
    entryPoints: [here(entry)],
    alias: alias(version),
    bundle: true,
    write: false,
    platform,
    format: platform === "node" ? "cjs" : "iife",
    target: "es2022",
    define: { "process.env.NODE_ENV": '"development"' },
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}

const bundles = new Map<string, Promise<string>>();

function bundleOnce(...args: Parameters<typeof bundle>): Promise<string> {
  const key = args.join(" ");
  const made = bundles.get(key) ?? bundle(...args);
  bundles.set(key, made);
  return made;
}

/** The exports of a module that ran here, in Node, with that React. */
export async function serverModule<Exports>(
  entry: string,
  version: ReactVersion,
): Promise<Exports> {
  const module = { exports: {} };
  const code = await bundleOnce(entry, version, "node");
  new Function("module", "exports", "require", code)(
    module,
    module.exports,
    createRequire(import.meta.url),
  );
  return module.exports as Exports;
}

const html = (root: string) =>
  `<!doctype html><meta charset="utf-8"><title>test page</title><link rel="icon" href="data:,">
<div id="root">${root}</div><script src="/page.js"></script>`;

export interface PageOptions {
  version: ReactVersion;
  /** Answers all but the page and its script. */
  handle?: (req: IncomingMessage, res: ServerResponse) => void;
  entry?: string;
  /** The HTML inside the root. */
  root?: string;
}

export class TestPage {
  readonly tab: Page;
  readonly origin: string;
  /** Warnings and errors on the console, and uncaught exceptions. */
  readonly complaints: string[] = [];

  constructor(tab: Page, origin: string) {
    this.tab = tab;
    this.origin = origin;
    tab.setDefaultTimeout(patience);
    tab.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
    tab.on("pageerror", (error) => this.complaints.push(String(error)));
  }

  /** Renders a scenario, or renders it again with other properties. */
  render<Name extends keyof Scenarios>(
    name: Name,
    props: Scenarios[Name],
    options: { strict?: boolean; hydrate?: boolean } = {},
  ): Promise<void> {
    return this.tab.evaluate(
      ([name, props, options]) =>
        (globalThis as unknown as { rig: Rig }).rig.render(name, props as never, options),
      [name, props, options] as const,
    );
  }

  unmount(): Promise<void> {
    return this.tab.evaluate(() => (globalThis as unknown as { rig: Rig }).rig.unmount());
  }

  /** Calls a function that the last render gave, without waiting for what it returns. */
  call(name: string, ...args: unknown[]): Promise<void> {
    return this.tab.evaluate(
      ([name, args]) => (globalThis as unknown as { rig: Rig }).rig.call(name, args),
      [name, args] as const,
    );
  }

  /** A value of the rig. */
  get<Key extends "seen" | "heard" | "renders" | "frames" | "settled" | "open">(
    key: Key,
  ): Promise<Rig[Key]> {
    const value = (key: string) =>
      (globalThis as unknown as { rig: Record<string, unknown> }).rig[key];
    return this.tab.evaluate(value, key) as Promise<Rig[Key]>;
  }

  /** The JSON that is shown in an element. */
  async shown<T = Record<string, unknown>>(id = "state"): Promise<T> {
    return JSON.parse((await this.tab.locator(`#${id}`).textContent()) ?? "null");
  }

  /** Waits until what is shown has these values. */
  async shows(expected: Record<string, unknown>, id = "state"): Promise<void> {
    const wanted = Object.entries(expected).map(([key, value]) => [key, JSON.stringify(value)]);
    try {
      await this.tab.waitForFunction(
        ([id, wanted]) => {
          const state = JSON.parse(document.getElementById(id)?.textContent ?? "null");
          return state && wanted.every(([key, json]) => JSON.stringify(state[`${key}`]) === json);
        },
        [id, wanted] as const,
        { polling: 20, timeout: patience },
      );
    } catch (error) {
      const text = await this.tab.locator(`#${id}`).textContent({ timeout: 1000 });
      const short = (json: string | null) => json?.slice(0, 500);
      throw new Error(`not ${short(JSON.stringify(expected))}: ${short(text)}`, { cause: error });
    }
  }
}

/** One for all tests of a file. */
let browser: Promise<Browser> | undefined;
afterAll(async () => (await browser)?.close());

/** Serves a page and opens it, as the only one of its browser's profile. */
export async function openTestPage({
  version,
  handle,
  entry = "page/main.ts",
  root = "",
}: PageOptions): Promise<TestPage> {
  const script = await bundleOnce(entry, version, "browser");
  const { origin } = await listen(
    createServer((req, res) => {
      if (req.url === "/page.js") {
        res.writeHead(200, { "Content-Type": "text/javascript; charset=utf-8" }).end(script);
      } else if (req.url === "/" || req.url?.startsWith("/?")) {
        res.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(html(root));
      } else if (handle) {
        handle(req, res);
      } else {
        res.writeHead(404).end();
      }
    }),
  );
  browser ??= startBrowser();
  const context = await (await browser).newContext();
  onTestFinished(() => context.close());
  const page = new TestPage(await context.newPage(), origin);
  await page.tab.goto(`${origin}/`);
  return page;
}
