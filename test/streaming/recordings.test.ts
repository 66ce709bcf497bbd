import { partialParse } from "@anthropic-ai/sdk/_vendor/partial-json-parser/parser.mjs";
import { describe, expect, it } from "vitest";
import { AnthropicAdapter, OpenAIAdapter } from "../../lib/adapters/server.ts";
import { type Answer, collectParts, type Protocol } from "../../lib/streaming/index.ts";
import { pieces, streamOf } from "../adapters/chunking.ts";
import { readers, recordings } from "../adapters/recordings.ts";
import { heardBy } from "./clients.ts";

const protocols: Protocol[] = ["events", "openai", "openai-responses", "anthropic", "ai-sdk"];

/** What each client makes of arguments that were cut short. */
const cutInput: Record<Protocol, (json: string) => unknown> = {
  events: () => undefined,
  openai: (json) => json,
  "openai-responses": (json) => json,
  anthropic: (json) => partialParse(json),
  "ai-sdk": () => undefined,
};

/** What the recording says, as the protocol can say it. */
function expected(answer: Answer, protocol: Protocol): object {
  const apart = protocol === "openai" || protocol === "openai-responses";
  const { inputTokens = 0, outputTokens = 0, totalTokens = 0 } = answer.usage ?? {};
  const { cachedInputTokens = 0, cacheWriteTokens = 0 } = answer.usage ?? {};
  const input = Math.max(inputTokens, cachedInputTokens + cacheWriteTokens);
  const toolCalls = answer.toolCalls
    .filter(({ providerExecuted }) => !providerExecuted)
    .map(({ id, name, input, arguments: json }) => ({
      id,
      name,
      input: input === undefined ? cutInput[protocol](json) : input,
    }));
  return {
    text: apart ? answer.text : answer.text + answer.refusal,
    refusal: apart ? answer.refusal : "",
    reasoning: answer.reasoning,
    toolCalls,
    usage:
      protocol === "anthropic"
        ? { input, output: outputTokens, total: input + outputTokens }
        : { input: inputTokens, output: outputTokens, total: totalTokens },
    error: undefined,
  };
}

describe.each(recordings())("$name", ({ format, bytes }) => {
  it.each(protocols)("reaches the clients of %s whole", async (protocol) => {
    const answer = await collectParts(readers[format](streamOf([bytes])));
    const adapter = format === "anthropic" ? AnthropicAdapter : OpenAIAdapter;
    const heard = await heardBy(protocol, () =>
      adapter(streamOf(pieces(bytes, 500)), { protocol }),
    );
    expect(heard).toMatchObject(expected(answer, protocol));
    expect(heard.id).toBe(answer.id);
    expect(heard.finish).toBeTruthy();
  });
});
