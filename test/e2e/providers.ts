import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen, Queue } from "./harness.ts";

/** What a request to the provider looked like, and how it ended. */
export interface Upstream {
  path: string;
  body: { model: string; stream: boolean; messages: { role: string; content: string }[] };
  /** The provider's client, which is our server, hung up before the end. */
  aborted: Promise<void>;
}

type Frame = { event?: string; data: unknown };

const openaiHead = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "fake" };

function openaiFrames(tokens: string[]): Frame[] {
  const choice = (delta: object, finish_reason: string | null = null) => ({
    data: { ...openaiHead, choices: [{ index: 0, delta, finish_reason }] },
  });
  const usage = {
    prompt_tokens: 3,
    completion_tokens: tokens.length,
    total_tokens: 3 + tokens.length,
  };
  return [
    choice({ role: "assistant", content: "" }),
    ...tokens.map((content) => choice({ content })),
    choice({}, "stop"),
    { data: { ...openaiHead, choices: [], usage } },
  ];
}

function anthropicFrames(tokens: string[]): Frame[] {
  const message = {
    id: "m1",
    type: "message",
    role: "assistant",
    model: "fake",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 1 },
  };
  const events = [
    { type: "message_start", message },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ...tokens.map((text) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text },
    })),
    { type: "content_block_stop", index: 0 },
    {
      type: "message_delta",
      delta: { stop_reason: "end_turn", stop_sequence: null },
      usage: { output_tokens: tokens.length },
    },
    { type: "message_stop" },
  ];
  return events.map((data) => ({ event: data.type, data }));
}

async function readBody(req: IncomingMessage) {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  return JSON.parse(Buffer.concat(parts).toString());
}

function write(res: ServerResponse, { event, data }: Frame) {
  res.write(`${event ? `event: ${event}\n` : ""}data: ${JSON.stringify(data)}\n\n`);
}

/**
 * An HTTP server that speaks OpenAI's chat completions API at `/v1/chat/completions` and Anthropic's
 * messages API at `/v1/messages`, and answers each with `tokens`, one per `pause` ms. With
 * `endless`, it goes on for as long as somebody listens; with `status`, it refuses.
 */
export async function fakeProvider({
  tokens = ["Hello", ",", " world", "!\n", "  indented"],
  pause = 20,
  endless = false,
  status = 200,
} = {}) {
  const requests = new Queue<Upstream>();
  const server = createServer(async (req, res) => {
    const path = req.url ?? "";
    const aborted = new Promise<void>((resolve) => {
      res.once("close", () => {
        if (!res.writableFinished) resolve();
      });
    });
    requests.put({ path, body: await readBody(req), aborted });
    if (status !== 200) {
      res.writeHead(status, { "Content-Type": "application/json" });
      res.end(JSON.stringify({ error: { message: "refused", type: "fake_error" } }));
      return;
    }
    res.writeHead(200, { "Content-Type": "text/event-stream" });
    const isOpenAI = path.endsWith("/chat/completions");
    const frames = isOpenAI ? openaiFrames(tokens) : anthropicFrames(tokens);
    const firstToken = isOpenAI ? 1 : 2;
    for (let index = 0; index < frames.length && !res.closed; index++) {
      write(res, frames[index] as Frame);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (endless && index === firstToken) index--;
    }
    if (isOpenAI) res.write("data: [DONE]\n\n");
    res.end();
  });
  return { ...(await listen(server)), requests, tokens };
}
