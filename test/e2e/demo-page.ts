import type { BrowserContext, Page } from "playwright-core";
import type { Demo } from "./demo-server.ts";
import { patience } from "./harness.ts";

/** Console errors and exceptions of every page of the context. */
export function collectErrors(context: BrowserContext): string[] {
  const errors: string[] = [];
  context.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  context.on("weberror", (error) => errors.push(String(error.error())));
  return errors;
}

export async function openPage(context: BrowserContext, demo: Demo): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  await page.goto(demo.origin);
  await page.locator("#count", { hasText: /\d/ }).waitFor();
  return page;
}

export async function ask(page: Page, prompt: string) {
  await page.getByLabel("Your question").fill(prompt);
  await page.keyboard.press("Enter");
}

export const answerOf = (page: Page) => page.locator(".turn:last-child .answer");
export const meterOf = (page: Page) => page.locator(".turn:last-child .meter");

/** Distinct texts of the last answer until there are `count`. */
export async function watchAnswer(page: Page, count: number): Promise<string[]> {
  const states: string[] = [];
  const deadline = performance.now() + patience;
  while (states.length < count) {
    if (performance.now() > deadline) throw new Error(`only ${states.length} states: ${states}`);
    const text = (await answerOf(page).textContent()) ?? "";
    if (text !== "" && text !== states.at(-1)) states.push(text);
  }
  return states;
}
