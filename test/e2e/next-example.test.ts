import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { launchBrowser } from "./browser.ts";
import { collectErrors } from "./demo-page.ts";
import { patience, within } from "./harness.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = `${root}examples/next`;
const next = `${root}node_modules/next/dist/bin/next`;
const env = { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" } as const;
const building = 600_000;

async function run(command: string, args: string[], cwd: string): Promise<void> {
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${output}`);
}

/** `next start`, on a free port. */
async function start(): Promise<string> {
  const child: ChildProcess = spawn(process.execPath, [next, "start", "-p", "0"], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(async () => {
    if (child.exitCode === null && child.kill("SIGKILL")) await once(child, "exit");
  });
  let output = "";
  const url = new Promise<string>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`next start ended with ${code}: ${output}`)));
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      const port = /http:\/\/localhost:(\d+)/.exec(output)?.[1];
      if (port && output.includes("Ready")) resolve(`http://127.0.0.1:${port}`);
    });
  });
  return within(url, "next start");
}

async function open(page: Page, origin: string) {
  page.setDefaultTimeout(patience);
  await page.goto(origin);
  await page.getByRole("status").filter({ hasText: "read this" }).waitFor();
}

async function send(page: Page, label: string, text: string) {
  await page.getByLabel(label).fill(text);
  await page.getByLabel(label).press("Enter");
}

describe("the example for Next.js, built", () => {
  beforeAll(async () => {
    await run("bash", ["scripts/next-example.sh"], root);
    await run(process.execPath, [next, "build"], folder);
  }, building);

  it("brings a headline to all pages by a typed channel, and says how many read", async () => {
    const origin = await start();
    const browser = await launchBrowser();
    const context = await browser.newContext();
    const errors = collectErrors(context);
    const [one, two] = [await context.newPage(), await context.newPage()];
    await open(one, origin);
    await open(two, origin);
    await one.getByText("2 read this").waitFor();
    await send(one, "Headline", "<b>Rain</b> tomorrow");
    for (const page of [one, two]) await page.getByText("<b>Rain</b> tomorrow").waitFor();
    await two.close();
    await one.getByText("1 read this").waitFor();
    const refused = await fetch(`${origin}/api/headlines`, { method: "POST", body: '{"text":1}' });
    expect([refused.status, (await refused.json()).error]).toEqual([
      400,
      expect.stringContaining("1 to 200 characters"),
    ]);
    expect(errors).toEqual([]);
  }, 120_000);

  it("streams an answer word by word, and stops it", async () => {
    const origin = await start();
    const browser = await launchBrowser();
    const page = await browser.newPage();
    const errors = collectErrors(page.context());
    await open(page, origin);
    await send(page, "Your question", "Why?");
    const answer = page.locator(".assistant");
    const states = new Set<string>();
    await expect
      .poll(async () => states.add((await answer.textContent()) ?? "").size, {
        timeout: patience,
        interval: 20,
      })
      .toBeGreaterThan(5);
    await answer.filter({ hasText: /it goes on\.$/ }).waitFor();
    expect(await answer.textContent()).toMatch(/^You asked: Why\?\n\n/);

    await send(page, "Your question", "Again?");
    await page.locator(".assistant:last-child", { hasText: "You asked: Again?" }).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Send" }).waitFor();
    const stopped = await page.locator(".assistant:last-child").textContent();
    expect(stopped).not.toContain("it goes on.");
    expect(errors).toEqual([]);
  }, 120_000);
});
