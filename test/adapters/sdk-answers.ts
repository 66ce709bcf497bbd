import { partialParse } from "@anthropic-ai/sdk/_vendor/partial-json-parser/parser.mjs";
import type { Message } from "@anthropic-ai/sdk/resources/messages";
import type { Answer } from "../../lib/streaming/index.ts";
import { anthropicRequest, chatRequest, withProvider } from "./provider.ts";
import type { Format, Recording } from "./recordings.ts";

/** What an answer says, in the words of no provider. */
export interface Said {
  id: string;
  model: string;
  text: string;
  reasoning: string;
  refusal: string;
  signatures: string[];
  toolCalls: { id: string; name: string; input: unknown }[];
  /** The provider's own figures. */
  usage: { input: number; output: number; total: number };
  finish: string;
}

/** What the provider's own SDK makes of the same bytes, read from an HTTP server. */
export function saidBySdk({ bytes, format }: Recording): Promise<Said> {
  return withProvider(bytes, async ({ openai, anthropic }) => {
    if (format === "openai") return saidInChat(openai);
    if (format === "openai-responses") return saidInResponses(openai);
    if (format === "anthropic") return saidInMessage(anthropic);
    return saidByGemini(bytes);
  });
}

type Clients = Parameters<Parameters<typeof withProvider>[1]>[0];

/** The SDK's own sum, and its chunks for what it does not sum up: reasoning. */
async function saidInChat(openai: Clients["openai"]): Promise<Said> {
  let reasoning = "";
  const stream = openai.chat.completions.stream(chatRequest);
  stream.on("chunk", ({ choices }) => {
    const delta = (choices[0]?.delta ?? {}) as { reasoning_content?: string };
    reasoning += delta.reasoning_content ?? "";
  });
  const { id, model, choices, usage } = await stream.finalChatCompletion();
  const { message, finish_reason: finish } = choices[0] ?? never("no choice");
  return {
    id,
    model,
    text: message.content ?? "",
    reasoning,
    refusal: message.refusal ?? "",
    signatures: [],
    toolCalls: (message.tool_calls ?? []).map((call) => {
      if (call.type !== "function") return never(call.type);
      const { name, arguments: json } = call.function;
      return { id: call.id, name, input: JSON.parse(json) };
    }),
    usage: {
      input: usage?.prompt_tokens ?? -1,
      output: usage?.completion_tokens ?? -1,
      total: usage?.total_tokens ?? -1,
    },
    finish,
  };
}

async function saidInResponses(openai: Clients["openai"]): Promise<Said> {
  const response = await openai.responses.stream({ model: "m", input: "Hi" }).finalResponse();
  const { id, model, output, output_text: text, usage, status } = response;
  return {
    id,
    model,
    text,
    reasoning: "",
    refusal: "",
    signatures: [],
    toolCalls: output
      .filter((item) => item.type === "function_call")
      .map((item) => ({ id: item.call_id, name: item.name, input: JSON.parse(item.arguments) })),
    usage: {
      input: usage?.input_tokens ?? -1,
      output: usage?.output_tokens ?? -1,
      total: usage?.total_tokens ?? -1,
    },
    finish: status ?? "",
  };
}

async function saidInMessage(anthropic: Clients["anthropic"]): Promise<Said> {
  const message = await anthropic.messages.stream(anthropicRequest).finalMessage();
  const { id, model, content, usage, stop_reason: finish } = message;
  const of = <T extends Message["content"][number]["type"]>(type: T) =>
    content.filter((block): block is Extract<typeof block, { type: T }> => block.type === type);
  const cached = (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  const [input, output] = [usage.input_tokens + cached, usage.output_tokens];
  return {
    id,
    model,
    text: of("text")
      .map((block) => block.text)
      .join(""),
    reasoning: of("thinking")
      .map((block) => block.thinking)
      .join(""),
    refusal: "",
    signatures: of("thinking").map((block) => block.signature),
    toolCalls: of("tool_use").map((block) => ({
      id: block.id,
      name: block.name,
      input: block.input,
    })),
    usage: { input, output, total: input + output },
    finish: finish ?? "",
  };
}

/** Google's SDK is not among the development dependencies: its one event is plain JSON. */
function saidByGemini(bytes: Uint8Array): Said {
  const [line, ...more] = new TextDecoder()
    .decode(bytes)
    .trim()
    .split(/[\r\n]+/);
  if (!line || more.length > 0) return never("more than one event");
  const chunk = JSON.parse(line.replace(/^data: /, ""));
  const [candidate] = chunk.candidates;
  const usage = chunk.usageMetadata;
  return {
    id: chunk.responseId,
    model: chunk.modelVersion,
    text: candidate.content.parts.map((part: { text: string }) => part.text).join(""),
    reasoning: "",
    refusal: "",
    signatures: [],
    toolCalls: [],
    usage: {
      input: usage.promptTokenCount,
      output: usage.candidatesTokenCount + usage.thoughtsTokenCount,
      total: usage.totalTokenCount,
    },
    finish: candidate.finishReason,
  };
}

/** What our reader made of it, for comparison. */
export function saidByAnswer(answer: Answer, format: Format): Said {
  const { usage, finish } = answer;
  const raw = (usage?.raw ?? {}) as { completion_tokens?: number };
  return {
    id: answer.id ?? "",
    model: answer.model ?? "",
    text: answer.text,
    reasoning: answer.reasoning,
    refusal: answer.refusal,
    signatures: answer
      .parts()
      .flatMap((part) => (part.type === "reasoning" && part.signature ? [part.signature] : [])),
    toolCalls: answer.toolCalls.map(({ id, name, input, arguments: json }) => ({
      id,
      name,
      // Anthropic's SDK guesses the rest of arguments that were cut short; we do not.
      input: input === undefined && format === "anthropic" ? partialParse(json) : input,
    })),
    usage: {
      input: usage?.inputTokens ?? -1,
      // xAI's own figure leaves reasoning out: usage.test.ts checks what we make of it.
      output: raw.completion_tokens ?? usage?.outputTokens ?? -1,
      total: usage?.totalTokens ?? -1,
    },
    finish: finish?.raw ?? "",
  };
}

function never(what: string): never {
  throw new Error(what);
}
