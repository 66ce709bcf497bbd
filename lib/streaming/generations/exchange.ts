import { SseError, type SseErrorCode } from "../../errors.js";
import type { WatchOptions } from "./attach.js";
import type { Generations } from "./generations.js";
import { checkId, type StartOptions } from "./options.js";
import type { GenerationSource } from "./run.js";

/** What a request to start a generation comes down to. */
export interface GenerationRequest extends StartOptions {
  /** Of the generation; for `useChat`, the `id` of the request's body, which is the chat's. */
  id: string;
  run: GenerationSource;
  /**
   * Whether a generation that is running under the id is stopped first, once `authorize` has allowed
   * the start. One of another process that has died may end too late for this start: 409 then.
   *
   * Defaults to `false`: an id that is running is answered with 409, and nothing is started.
   */
  replace?: boolean | undefined;
}

/** What somebody wants to do with a generation. */
export type GenerationAction = "start" | "watch" | "stop";

export interface HandlerOptions<Req> {
  /**
   * What to start for a request. What it throws goes where errors of handlers go.
   *
   * It is called before `authorize`, which asks about the id that it finds in the request: do nothing
   * in here that only the generation's owner may.
   */
  start: (req: Req) => GenerationRequest | PromiseLike<GenerationRequest>;
  /**
   * Whether the sender of a request may do this with the generation: nobody should watch or stop
   * another one's. Where it does not return `true`, the answer is 403, whether the generation exists
   * or not.
   */
  authorize: (req: Req, id: string, action: GenerationAction) => boolean | PromiseLike<boolean>;
  /** Of the sessions that watch. */
  session?: WatchOptions | undefined;
}

/** An answer without a stream. */
export interface PlainAnswer {
  status: number;
  body?: object;
}

const statuses: Partial<Record<SseErrorCode, number>> = {
  "invalid-argument": 400,
  "generation-exists": 409,
  "too-many-generations": 429,
  "store-error": 503,
  closed: 503,
};

const forbidden: PlainAnswer = {
  status: 403,
  body: { error: { code: "forbidden", message: "This generation is not yours." } },
};

/** What the client is told of an error that has a status. The store's own words stay here. */
export function refusal(error: unknown): PlainAnswer | undefined {
  const code = error instanceof SseError ? error.code : undefined;
  const status = code && statuses[code];
  if (!status) return undefined;
  const message = code === "store-error" ? "The store failed." : (error as SseError).message;
  return { status, body: { error: { code, message } } };
}

/** What requests do, whatever they come as. `Watching` is what comes of a stream. */
export class Exchange<Req, Watching> {
  readonly #generations: Generations;
  readonly #options: HandlerOptions<Req>;

  constructor(generations: Generations, options: HandlerOptions<Req>) {
    for (const name of ["start", "authorize"] as const) {
      if (typeof options?.[name] === "function") continue;
      throw new SseError("invalid-option", `${name} must be a function.`);
    }
    this.#generations = generations;
    this.#options = options;
  }

  get session(): WatchOptions | undefined {
    return this.#options.session;
  }

  /** Starts a generation and watches it, from its start. */
  async post(
    req: Req,
    attach: (id: string) => Promise<Watching | undefined>,
  ): Promise<Watching | PlainAnswer> {
    const { id, run, replace = false, ...options } = await this.#options.start(req);
    if (!(await this.#may(req, id, "start"))) return forbidden;
    if (replace) await this.#generations.stop(id);
    await this.#generations.start(id, run, options);
    return (await attach(id)) ?? { status: 204 };
  }

  /** Watches a generation that there is. */
  async stream(
    req: Req,
    id: string,
    attach: (id: string) => Promise<Watching | undefined>,
  ): Promise<Watching | PlainAnswer> {
    if (!(await this.#may(req, id, "watch"))) return forbidden;
    return (await attach(id)) ?? { status: 204 };
  }

  async stop(req: Req, id: string): Promise<PlainAnswer> {
    if (!(await this.#may(req, id, "stop"))) return forbidden;
    return { status: 200, body: { stopped: await this.#generations.stop(id) } };
  }

  async #may(req: Req, id: string, action: GenerationAction): Promise<boolean> {
    checkId(id);
    return (await this.#options.authorize(req, id, action)) === true;
  }
}
