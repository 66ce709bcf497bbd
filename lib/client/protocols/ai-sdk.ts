import type { Saying } from "./said.js";

/** The Vercel AI SDK's UI message stream: https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol */
export const aiSdk: Saying = {
  "start-step": () => ({ quiet: true }),
  "text-delta": ({ delta: text }) => ({ text }),
  "reasoning-delta": ({ delta: reasoning }) => ({ reasoning }),
  finish: ({ finishReason: finish = "stop" }) => ({ finish }),
  abort: () => ({ aborted: true }),
};
