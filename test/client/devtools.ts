import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import WebSocket from "ws";
import { chromiumPath } from "../e2e/browser.ts";
import { within } from "../e2e/harness.ts";

type Answer = { id?: number; result?: never; error?: { message: string } };

/**
 * Two tabs of a Chromium without Playwright, which has every page believe that it is visible. Ended with
 * the test.
 */
export async function openTabs(url: string) {
  const folder = mkdtempSync(join(tmpdir(), "stream-llm-chromium-"));
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"];
  const own = ["--remote-debugging-port=0", `--user-data-dir=${folder}`];
  const chromium = spawn(chromiumPath(), [...flags, ...own, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => chromium.once("exit", resolve));
  onTestFinished(() => void chromium.kill());
  let said = "";
  const address = new Promise<string>((resolve) => {
    chromium.stderr.on("data", (chunk) => {
      said += chunk;
      const [found] = /ws:\/\/\S+/.exec(said) ?? [];
      if (found) resolve(found);
    });
  });
  const socket = new WebSocket(await within(address, "Chromium that listens", 30_000));
  // It ends its own processes, which would go on to write to its folder.
  onTestFinished(async () => {
    await send("Browser.close");
    await within(ended, "end of Chromium", 20_000);
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  await within(new Promise((resolve) => socket.once("open", resolve)), "connection to Chromium");
  const waiting = new Map<number, (answer: Answer) => void>();
  socket.on("message", (text) => {
    const answer: Answer = JSON.parse(String(text));
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
  });

  async function send<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const id = waiting.size + 1;
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params, sessionId }));
    const { result, error } = await within(answered, `answer to ${method}`, 20_000);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result as T;
  }

  const create = async (url: string) =>
    (await send<{ targetId: string }>("Target.createTarget", { url })).targetId;
  const other = await create("about:blank");
  const targetId = await create(url);
  const { sessionId } = await send<{ sessionId: string }>("Target.attachToTarget", {
    targetId,
    flatten: true,
  });

  /** The value of an expression, in the page, as JSON carries it. */
  async function evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await send<{
      result: { value: T };
      exceptionDetails?: { text: string };
    }>("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true }, sessionId);
    if (exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return result.value;
  }

  return {
    evaluate,
    show: () => send("Target.activateTarget", { targetId }),
    hide: () => send("Target.activateTarget", { targetId: other }),
    lifecycle: (state: "frozen" | "active") =>
      send("Page.setWebLifecycleState", { state }, sessionId),
    async until(expression: string) {
      const deadline = performance.now() + 20_000;
      while (!(await evaluate<boolean>(expression))) {
        if (performance.now() > deadline) throw new Error(`not within 20 s: ${expression}`);
      }
    },
  };
}
