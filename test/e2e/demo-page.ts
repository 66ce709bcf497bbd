import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import { patience as briefly } from "./harness.ts";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = fileURLToPath(new URL("../../test-artifacts/demo/", import.meta.url));

/** A page has a browser, a server and perhaps a busy machine behind it. */
export const patience = 3 * briefly;

/** Console errors and exceptions of every page of the context. */
export function collectErrors(context: BrowserContext): string[] {
  const errors: string[] = [];
  context.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  context.on("weberror", (error) => errors.push(String(error.error())));
  return errors;
}

export async function openPage(context: BrowserContext, address: string): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  await page.goto(address);
  await ready(page);
  return page;
}

/** Waits until the page has its conversation and is connected to what happens in it. */
export async function ready(page: Page) {
  await page.locator("summary", { hasText: /\d+ (person|people) here/ }).waitFor();
}

export async function ask(page: Page, prompt: string) {
  await page.getByLabel("Your question").fill(prompt);
  await page.getByRole("button", { name: "Send" }).click();
}

export const turnOf = (page: Page) => page.locator(".turn:last-child");
export const answerOf = (page: Page) => page.locator(".turn:last-child .answer");
export const meterOf = (page: Page) => page.locator(".turn:last-child .meter");

/** Waits for how the last answer stands: `Done`, `Stopped`, `Failed`. */
export const stands = (page: Page, status: string) =>
  meterOf(page).filter({ hasText: status }).waitFor();

/** Distinct texts of the last answer until there are `count`, each of which goes on where the one before ended. */
export async function watchAnswer(page: Page, count: number): Promise<string[]> {
  const states: string[] = [];
  const deadline = performance.now() + patience;
  while (states.length < count) {
    if (performance.now() > deadline) throw new Error(`only ${states.length} states: ${states}`);
    const text = (await answerOf(page).textContent()) ?? "";
    if (text === "" || text === states.at(-1)) continue;
    const before = states.at(-1) ?? "";
    expect(text.startsWith(before), `${JSON.stringify(before)} before ${text}`).toBe(true);
    states.push(text);
  }
  return states;
}

export async function save(page: Page, name: string, options: { fullPage?: boolean } = {}) {
  mkdirSync(shots, { recursive: true });
  if (options.fullPage) await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${shots}${name}.png`, animations: "disabled", ...options });
}

/** What axe-core finds that keeps people from using the page. */
export async function seriousViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: a global of the page
    const { violations } = await (globalThis as any).axe.run(document);
    return violations
      .filter(({ impact }: { impact: string }) => impact === "serious" || impact === "critical")
      .map(
        ({ id, nodes }: { id: string; nodes: { html: string; failureSummary: string }[] }) =>
          `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`,
      );
  });
}

/** px by which the page is wider than the screen. */
export async function overflow(page: Page): Promise<number> {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  return width - (page.viewportSize()?.width ?? 0);
}
