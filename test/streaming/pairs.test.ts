import { describe, expect, it } from "vitest";
import {
  AnthropicAdapter,
  OpenAIAdapter,
  readAnthropic,
  readOpenAIChat,
  readOpenAIResponses,
} from "../../lib/adapters/server.ts";
import { collectParts, type Protocol } from "../../lib/streaming/index.ts";
import { streamOf } from "../adapters/chunking.ts";
import { type Provider, providerStream, said } from "./answers.ts";
import { heardBy } from "./clients.ts";

const adapters = {
  openai: OpenAIAdapter,
  "openai-responses": OpenAIAdapter,
  anthropic: AnthropicAdapter,
};
const ids = { openai: "c1", "openai-responses": "resp_1", anthropic: "m1" };
const models = { openai: "m", "openai-responses": "gpt", anthropic: "claude" };

/** How each protocol says that tools are to be run. */
const finishes: Record<Protocol, string> = {
  events: "tool-calls",
  openai: "tool_calls",
  "openai-responses": "completed",
  anthropic: "tool_use",
  "ai-sdk": "tool-calls",
};

const pairs = (Object.keys(adapters) as Provider[]).flatMap((provider) =>
  (Object.keys(finishes) as Protocol[]).map((protocol) => ({ provider, protocol })),
);

const readers = {
  openai: readOpenAIChat,
  "openai-responses": readOpenAIResponses,
  anthropic: readAnthropic,
};

describe.each(pairs)("$provider to $protocol", ({ provider, protocol }) => {
  it("reaches the protocol's own client whole", async () => {
    const heard = await heardBy(protocol, () =>
      adapters[provider](providerStream(provider), { protocol }),
    );
    expect(heard).toEqual({
      ...said,
      refusal: "",
      id: ids[provider],
      // The AI SDK's messages have none.
      model: protocol === "ai-sdk" ? undefined : models[provider],
      finish: finishes[protocol],
      error: undefined,
    });
  });

  it("says the same to a client that comes late and gets the fewest parts", async () => {
    const answer = await collectParts(readers[provider](providerStream(provider)));
    const heard = await heardBy(protocol, () =>
      OpenAIAdapter(streamOf(answer.parts()), { protocol }),
    );
    expect(heard).toMatchObject({ ...said, error: undefined });
  });
});
