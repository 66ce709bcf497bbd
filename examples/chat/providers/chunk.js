/**
 * What the page needs of an OpenAI `chat.completion.chunk`. Usage comes on a last chunk, one without choices.
 * @returns {import("./index.js").Piece}
 */
export function readChunk({ choices, usage }) {
  const choice = choices?.[0];
  return {
    token: choice?.delta?.content || undefined,
    finishReason: choice?.finish_reason ?? undefined,
    usage: usage
      ? { promptTokens: usage.prompt_tokens, completionTokens: usage.completion_tokens }
      : undefined,
  };
}
