import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { onTestFinished } from "vitest";

const flags = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The Chromium that the tests drive: `CHROMIUM_PATH`, else the system's. */
export function chromiumPath(): string {
  const path = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  if (existsSync(path)) return path;
  throw new Error(
    `No browser at ${path}: install Chromium (apt-get install chromium) or set CHROMIUM_PATH.`,
  );
}

/** Starts headless Chromium, which the caller closes. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: flags, timeout: 30_000 });
}

/** Starts headless Chromium; it is closed when the test that asked for it ends. */
export async function launchBrowser(): Promise<Browser> {
  const browser = await startBrowser();
  onTestFinished(() => browser.close());
  return browser;
}
