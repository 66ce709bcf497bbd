/** One answer: from a provider's chunks to events on a session. */

/** What a person reads when the provider fails; the details go to the server's log. */
function describeFailure(error) {
  if (error?.status === 401) return "The provider refused the API key.";
  if (error?.status === 429)
    return "The provider says there are too many requests. Try again in a moment.";
  return "The provider could not answer. Try again in a moment.";
}

/**
 * Streams one answer to `session` and ends it. Events: `start`, `token` (many), `usage`, then `done` or `error`.
 * A client that goes (Stop, a closed tab) aborts `session.signal`, which cancels the request to the provider.
 *
 * @param {import("stream-llm").Session} session
 * @param {import("./providers/index.js").Provider} provider
 * @param {string} prompt
 * @returns {Promise<{tokens: number, outcome: string}>} for the log.
 */
export async function streamAnswer(session, provider, prompt) {
  const { name, model, titleFor } = provider;
  let tokens = 0;
  let finishReason;
  let usage;

  const readToken = (chunk) => {
    const piece = provider.read(chunk);
    finishReason = piece.finishReason ?? finishReason;
    if (piece.usage) usage = { ...usage, ...piece.usage };
    return piece.token === undefined ? undefined : { token: piece.token, index: tokens++ };
  };
  const stopped = () => ({ tokens, outcome: "stopped by the client" });

  try {
    session.push({ provider: name, model, title: titleFor?.(prompt) ?? null }, "start");
    const chunks = await provider.open(prompt, session.signal);
    await session.iterate(chunks, { eventName: "token", transform: readToken });
    if (!session.isConnected) return stopped();

    if (usage) session.push(usage, "usage");
    if (!finishReason) {
      session.push({ error: "The answer broke off.", code: "INCOMPLETE" }, "error");
      return { tokens, outcome: "broke off: no finish reason" };
    }
    session.push({ finishReason }, "done");
    return { tokens, outcome: `finished (${finishReason})` };
  } catch (error) {
    if (!session.isConnected) return stopped();
    session.push({ error: describeFailure(error), code: "PROVIDER" }, "error");
    return { tokens, outcome: `failed: ${error?.message ?? error}` };
  } finally {
    await session.close();
  }
}
