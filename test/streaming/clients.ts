import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DefaultChatTransport, readUIMessageStream, type UIMessage, type UIMessageChunk } from "ai";
import { EventSource } from "eventsource";
import { type Protocol, protocolHeaders } from "../../lib/streaming/index.ts";
import {
  type Answering,
  anthropicRequest,
  chatRequest,
  type Provider,
  withProvider,
} from "../adapters/provider.ts";

/** What a client has in the end, in the words of no protocol. */
export interface Heard {
  id: string | undefined;
  model: string | undefined;
  text: string;
  reasoning: string;
  refusal: string;
  toolCalls: { id: string; name: string; input: unknown }[];
  usage: { input: number; output: number; total: number } | undefined;
  /** The protocol's own word for why the answer ended. */
  finish: string | undefined;
  /** What the client was told went wrong. */
  error: string | undefined;
}

function nothing(): Heard {
  return {
    id: undefined,
    model: undefined,
    text: "",
    reasoning: "",
    refusal: "",
    toolCalls: [],
    usage: undefined,
    finish: undefined,
    error: undefined,
  };
}

export async function send(
  response: ServerResponse,
  protocol: Protocol,
  stream: ReadableStream<Uint8Array>,
): Promise<void> {
  response.writeHead(200, protocolHeaders(protocol));
  const readable = Readable.fromWeb(stream as import("node:stream/web").ReadableStream);
  await pipeline(readable, response).catch(() => {});
}

/** What the protocol's real client makes of the stream, read from an HTTP server. */
export function heardBy(
  protocol: Protocol,
  stream: () => ReadableStream<Uint8Array>,
): Promise<Heard> {
  return heardFrom(protocol, (response) => void send(response, protocol, stream()));
}

/** What the protocol's real client makes of what a server answers. */
export function heardFrom(protocol: Protocol, answer: Answering): Promise<Heard> {
  return withProvider(answer, (server) => listeners[protocol](server));
}

const listeners: Record<Protocol, (server: Provider) => Promise<Heard>> = {
  events: heardByEventSource,
  openai: heardInChat,
  "openai-responses": heardInResponses,
  anthropic: heardInMessages,
  "ai-sdk": heardInChatUi,
};

function heardByEventSource({ url }: Provider): Promise<Heard> {
  const heard = nothing();
  const source = new EventSource(url);
  const on = (type: string, listener: (data: Record<string, unknown>) => void) =>
    source.addEventListener(type, (event) => {
      if (typeof event.data === "string") listener(JSON.parse(event.data));
    });
  on("start", (data) => Object.assign(heard, data));
  on("token", ({ token, index }) => {
    if (typeof index === "number") heard.text += token;
  });
  on("metadata", (data) => {
    if (data.type === "reasoning") heard.reasoning += data.text;
    if (data.type === "tool-call") {
      const { id, name, input } = data as (typeof heard)["toolCalls"][number];
      heard.toolCalls.push({ id, name, input });
    }
    if (data.finishReason) heard.finish = String(data.finishReason);
  });
  on("usage", ({ promptTokens, completionTokens, totalTokens }) => {
    const [input, output] = [Number(promptTokens), Number(completionTokens)];
    heard.usage = { input, output, total: Number(totalTokens) };
  });
  return new Promise((resolve) => {
    const end = () => {
      source.close();
      resolve(heard);
    };
    on("done", end);
    source.addEventListener("error", (event) => {
      const { data } = event as { data?: string };
      heard.error = data === undefined ? "the connection failed" : JSON.parse(data).error;
      end();
    });
  });
}

async function heardInChat({ openai }: Provider): Promise<Heard> {
  const heard = nothing();
  const stream = openai.chat.completions.stream(chatRequest);
  stream.on("chunk", ({ id, model, choices, usage }) => {
    Object.assign(heard, { id, model });
    const delta = (choices[0]?.delta ?? {}) as { reasoning_content?: string; refusal?: string };
    heard.reasoning += delta.reasoning_content ?? "";
    heard.refusal += delta.refusal ?? "";
    if (usage) {
      const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = usage;
      heard.usage = { input, output, total };
    }
  });
  stream.on("content", (delta) => {
    heard.text += delta;
  });
  try {
    const { choices } = await stream.finalChatCompletion();
    const [choice] = choices;
    if (!choice) throw new Error("no choice");
    if ((choice.message.content ?? "") !== heard.text) throw new Error("deltas are not the text");
    heard.finish = choice.finish_reason;
    heard.toolCalls = (choice.message.tool_calls ?? []).map((call) => {
      if (call.type !== "function") throw new Error(call.type);
      const { name, arguments: json } = call.function;
      return { id: call.id, name, input: parsed(json) };
    });
  } catch (error) {
    heard.error = (error as { error?: { message: string } }).error?.message ?? String(error);
  }
  return heard;
}

async function heardInResponses({ openai }: Provider): Promise<Heard> {
  const heard = nothing();
  const stream = openai.responses.stream({ model: "m", input: "Hi" });
  let numbers = 0;
  stream.on("event", (event) => {
    if ((event as { sequence_number: number }).sequence_number !== numbers++) {
      throw new Error("an event is missing");
    }
  });
  stream.on("response.output_text.delta", ({ delta }) => {
    heard.text += delta;
  });
  stream.on("response.refusal.delta", ({ delta }) => {
    heard.refusal += delta;
  });
  const { id, model, output, output_text, usage, status, error, incomplete_details } =
    await stream.finalResponse();
  if (output_text !== heard.text) throw new Error("deltas are not the text");
  for (const item of output) {
    if (item.type === "reasoning") {
      for (const { text } of [...item.summary, ...(item.content ?? [])]) heard.reasoning += text;
    }
    if (item.type === "function_call") {
      const { call_id, name, arguments: json } = item;
      heard.toolCalls.push({ id: call_id, name, input: parsed(json) });
    }
  }
  const { input_tokens: input, output_tokens: out, total_tokens: total } = usage ?? {};
  if (usage) heard.usage = { input: input ?? -1, output: out ?? -1, total: total ?? -1 };
  const finish = incomplete_details?.reason ?? status;
  return { ...heard, id, model, finish, error: error?.message };
}

async function heardInMessages({ anthropic }: Provider): Promise<Heard> {
  const heard = nothing();
  const stream = anthropic.messages.stream(anthropicRequest);
  stream.on("text", (text) => {
    heard.text += text;
  });
  stream.on("thinking", (thinking) => {
    heard.reasoning += thinking;
  });
  stream.on("streamEvent", (event, { id, model, usage }) => {
    Object.assign(heard, { id, model });
    if (event.type !== "message_delta") return;
    const input =
      usage.input_tokens +
      (usage.cache_read_input_tokens ?? 0) +
      (usage.cache_creation_input_tokens ?? 0);
    const output = usage.output_tokens;
    heard.usage = { input, output, total: input + output };
  });
  try {
    const { content, stop_reason } = await stream.finalMessage();
    heard.finish = stop_reason ?? undefined;
    for (const block of content) {
      if (block.type !== "tool_use") continue;
      heard.toolCalls.push({ id: block.id, name: block.name, input: block.input });
    }
  } catch (error) {
    const { error: body } = error as { error?: { error: { message: string } } };
    heard.error = body?.error.message ?? String(error);
  }
  return heard;
}

/** What `useChat` has: the transport and the reader that it is made of. */
async function heardInChatUi(server: Provider): Promise<Heard> {
  const { message, chunks, errors } = await readChatUi(server);
  const heard = nothing();
  const metadata = (message?.metadata ?? {}) as { usage?: Record<string, number> };
  for (const part of message?.parts ?? []) {
    if (part.type === "text") heard.text += part.text;
    if (part.type === "reasoning") heard.reasoning += part.text;
    if (!part.type.startsWith("tool-") || !("toolCallId" in part)) continue;
    const { toolCallId: id, input } = part;
    heard.toolCalls.push({ id, name: part.type.slice("tool-".length), input });
  }
  const { inputTokens: input, outputTokens: output, totalTokens: total } = metadata.usage ?? {};
  if (metadata.usage) {
    heard.usage = { input: input ?? -1, output: output ?? -1, total: total ?? -1 };
  }
  const last = chunks.at(-1);
  if (last?.type === "finish") heard.finish = last.finishReason;
  if (last?.type === "abort") heard.error = last.reason;
  return { ...heard, id: message?.id, error: errors[0] ?? heard.error };
}

export interface ChatUi {
  message: UIMessage | undefined;
  chunks: UIMessageChunk[];
  errors: string[];
}

export async function readChatUi({ url }: { url: string }): Promise<ChatUi> {
  const transport = new DefaultChatTransport({ api: url });
  const user: UIMessage = { id: "u1", role: "user", parts: [{ type: "text", text: "Hi" }] };
  const stream = await transport.sendMessages({
    trigger: "submit-message",
    chatId: "chat",
    messageId: undefined,
    messages: [user],
    abortSignal: undefined,
  });
  const read: ChatUi = { message: undefined, chunks: [], errors: [] };
  const seen = new TransformStream<UIMessageChunk, UIMessageChunk>({
    transform(chunk, controller) {
      read.chunks.push(chunk);
      controller.enqueue(chunk);
    },
  });
  const onError = (error: unknown) => read.errors.push((error as Error).message);
  const messages = readUIMessageStream({ stream: stream.pipeThrough(seen), onError });
  for await (const message of messages) read.message = message;
  return read;
}

/** Arguments that were cut short stay text. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
