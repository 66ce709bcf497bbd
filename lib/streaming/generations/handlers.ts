import type { IncomingMessage, ServerResponse } from "node:http";
import type { Session } from "../../session.js";
import { Exchange, type HandlerOptions, type PlainAnswer, refusal } from "./exchange.js";
import type { Generations } from "./generations.js";

/** A request of Express, or of what is like it: `params.id` is the generation's. */
export type HandledRequest = IncomingMessage & { params?: unknown };

/** A handler of Express. */
export type Handler<Req> = (
  req: Req,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => Promise<void>;

export interface GenerationHandlers<Req> {
  /** For `POST /chat`: starts a generation, and streams it. */
  post: Handler<Req>;
  /** For `GET /chat/:id/stream`: streams a generation, from its start or `Last-Event-ID`; or 204. */
  stream: Handler<Req>;
  /** For `POST /chat/:id/stop`: stops a generation; `{"stopped": …}` says whether it ran. */
  stop: Handler<Req>;
}

export interface GenerationRoutes {
  /** For `POST /chat`: starts a generation, and streams it. */
  post(request: Request): Promise<Response>;
  /** For `GET /chat/:id/stream`: streams a generation, from its start or `Last-Event-ID`; or 204. */
  stream(request: Request, params: { id: string }): Promise<Response>;
  /** For `POST /chat/:id/stop`: stops a generation; `{"stopped": …}` says whether it ran. */
  stop(request: Request, params: { id: string }): Promise<Response>;
}

function idOf(req: HandledRequest): string {
  return (Object(req.params) as { id?: string }).id ?? "";
}

function answer(res: ServerResponse, { status, body }: PlainAnswer): void {
  const head = body && { "Content-Type": "application/json", "Cache-Control": "no-store" };
  res.writeHead(status, head).end(body && JSON.stringify(body));
}

/**
 * Handlers for Express, on the routes that an unmodified `useChat({resume: true})` asks:
 *
 *     app.post("/api/chat", express.json(), handlers.post);
 *     app.get("/api/chat/:id/stream", handlers.stream);
 *     app.post("/api/chat/:id/stop", handlers.stop);
 *
 * Errors without an answer of their own, such as those of `start` and `authorize`, go to `next`.
 *
 * @throws {SseError} `invalid-option`
 */
export function generationHandlers<Req extends HandledRequest = HandledRequest>(
  generations: Generations,
  options: HandlerOptions<Req>,
): GenerationHandlers<Req> {
  const exchange = new Exchange<Req, Session>(generations, options);
  const handler =
    (handle: (req: Req, res: ServerResponse) => Promise<Session | PlainAnswer>): Handler<Req> =>
    async (req, res, next) => {
      try {
        const handled = await handle(req, res);
        if ("status" in handled) answer(res, handled);
      } catch (error) {
        const refused = res.headersSent ? undefined : refusal(error);
        if (refused) answer(res, refused);
        else next(error);
      }
    };
  const { session } = exchange;
  return {
    post: handler((req, res) =>
      exchange.post(req, (id) =>
        // A client that asks anew has nothing to go on from.
        generations.attach(id, req, res, { ...session, trustClientEventId: false }),
      ),
    ),
    stream: handler((req, res) =>
      exchange.stream(req, idOf(req), (id) => generations.attach(id, req, res, session)),
    ),
    stop: handler((req) => exchange.stop(req, idOf(req))),
  };
}

/**
 * The same for what takes a Fetch `Request` and returns a `Response`: Next.js, Hono, Bun, Deno.
 * Errors of `start` and `authorize` reject.
 *
 * @throws {SseError} `invalid-option`
 */
export function generationRoutes(
  generations: Generations,
  options: HandlerOptions<Request>,
): GenerationRoutes {
  const exchange = new Exchange<Request, Response>(generations, options);
  const respond = async (handling: Promise<Response | PlainAnswer>): Promise<Response> => {
    const handled = await handling.catch((error): PlainAnswer => {
      const refused = refusal(error);
      if (refused) return refused;
      throw error;
    });
    if ("headers" in handled) return handled;
    const { status, body } = handled;
    const headers = { "Cache-Control": "no-store" };
    return body ? Response.json(body, { status, headers }) : new Response(null, { status });
  };
  const { session } = exchange;
  return {
    post: (request) =>
      respond(
        exchange.post(request, (id) =>
          generations.attach(id, request, { ...session, trustClientEventId: false }),
        ),
      ),
    stream: (request, { id }) =>
      respond(exchange.stream(request, id, (id) => generations.attach(id, request, session))),
    stop: (request, { id }) => respond(exchange.stop(request, id)),
  };
}
