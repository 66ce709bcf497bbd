import { failed, type Saying } from "./said.js";

/** AI Kit's own events. */
export const events: Saying = {
  start: () => ({ start: true }),
  token: ({ token: text }) => ({ text }),
  usage: (usage) => ({ usage }),
  metadata: ({ type, text, finishReason: finish }) =>
    type === "reasoning" ? { reasoning: text } : { finish },
  done: () => ({ end: true }),
  error: failed,
};
