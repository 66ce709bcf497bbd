import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { buildDemo } from "./demo-build.ts";
import { within } from "./harness.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The chat demo as `npm run demo` starts it, on a free port. */
export class Demo {
  #child: ChildProcess;
  #output = "";
  origin = "";

  private constructor(env: Record<string, string>) {
    // Empty ones take precedence over a developer's .env, so that no test asks a real provider.
    const none = { OPENAI_API_KEY: "", ANTHROPIC_API_KEY: "", PROVIDER: "", JWT_SECRET: "" };
    const noKeys = { ...none, CORS_ORIGINS: "", TRUSTED_PROXIES: "", PROMPTS_PER_MINUTE: "" };
    this.#child = spawn(process.execPath, ["examples/chat/server/index.js"], {
      cwd: root,
      env: { ...process.env, ...noKeys, PORT: "0", HOST: "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const append = (chunk: Buffer) => {
      this.#output += chunk;
    };
    this.#child.stdout?.on("data", append);
    this.#child.stderr?.on("data", append);
    onTestFinished(async () => {
      if (this.#child.exitCode === null && this.#child.kill("SIGKILL")) {
        await once(this.#child, "exit");
      }
    });
  }

  static async start(env: Record<string, string> = {}): Promise<Demo> {
    await buildDemo();
    const demo = new Demo(env);
    await demo.printed("Ctrl+C");
    const port = /http:\/\/localhost:(\d+)/.exec(demo.#output)?.[1];
    demo.origin = `http://localhost:${port}`;
    return demo;
  }

  /** Starts it where it cannot start; returns what it says and its exit code. */
  static async fail(env: Record<string, string>): Promise<{ output: string; code: number | null }> {
    const demo = new Demo(env);
    const [code] = await within(once(demo.#child, "close"), "end of the demo");
    return { output: demo.#output, code };
  }

  /** A visitor's token. */
  async token(): Promise<string> {
    const headers = { Accept: "text/plain" };
    const response = await fetch(`${this.origin}/api/session`, { method: "POST", headers });
    return response.text();
  }

  get output() {
    return this.#output;
  }

  /** Waits until it has printed `text`. */
  async printed(text: string) {
    while (!this.#output.includes(text)) {
      const more = Promise.race([
        once(this.#child.stdout as NodeJS.ReadableStream, "data"),
        once(this.#child, "exit").then(() => Promise.reject(new Error("it has ended"))),
      ]);
      await within(more, `"${text}" from the demo, which says:\n${this.#output}`);
    }
  }

  /** Sends a signal and waits for the exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    const [code] = await within(once(this.#child, "exit"), "exit of the demo");
    return code;
  }
}
