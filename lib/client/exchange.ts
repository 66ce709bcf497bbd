import type { AIStreamConfig } from "./ai-stream-config.js";

/** Where the server is, and what goes with each request. */
export type ExchangeOptions = Pick<
  AIStreamConfig,
  "endpoint" | "headers" | "credentials" | "fetch"
>;

/** How long a server may take to answer that it stops, in ms. */
const stopPatience = 10_000;

/** The three requests of an answer. `url` is that of its generation. */
export class Exchange {
  readonly #options: ExchangeOptions;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** The generation's own URL, below the endpoint; a query of the endpoint stays at its end. */
  urlOf(id: string): string {
    return below(this.#options.endpoint, encodeURIComponent(id));
  }

  post(body: string, signal: AbortSignal): Promise<Response> {
    return this.#send(this.#options.endpoint, { method: "POST", body, signal });
  }

  /** @param lastId `""` for the answer from its start */
  resume(url: string, lastId: string, signal: AbortSignal): Promise<Response> {
    return this.#send(below(url, "stream"), { cache: "no-store", signal }, lastId);
  }

  /** Returns whether the server knows of stops. Never rejects; goes out though the page is closed. */
  async stop(url: string): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(stopPatience);
      const init = { method: "POST", keepalive: true, signal };
      const response = await this.#send(below(url, "stop"), init);
      response.body?.cancel().catch(() => {});
      return response.ok;
    } catch {
      return false;
    }
  }

  async #send(url: string, init: RequestInit, lastId = ""): Promise<Response> {
    const { headers: given, credentials, fetch: send = fetch } = this.#options;
    const headers = new Headers(typeof given === "function" ? await given() : given);
    if (init.body) headers.set("Content-Type", "application/json");
    if (lastId) headers.set("Last-Event-ID", lastId);
    return send(url, { ...init, headers, ...(credentials && { credentials }) });
  }
}

function below(url: string, segment: string): string {
  return url.replace(/\/*(\?|#|$)/, `/${segment}$1`);
}
