import { object, type Saying } from "./said.js";

/** Anthropic's messages: https://platform.claude.com/docs/en/build-with-claude/streaming */
export const anthropic: Saying = {
  message_start({ message }) {
    const { model, usage } = object(message);
    return { start: true, model, usage };
  },
  ping: () => ({ quiet: true }),
  content_block_start({ content_block }) {
    const { text, thinking: reasoning } = object(content_block);
    return { text, reasoning };
  },
  content_block_delta({ delta }) {
    const { text, thinking: reasoning } = object(delta);
    return { text, reasoning };
  },
  message_delta: ({ delta, usage }) => ({ usage, finish: object(delta).stop_reason }),
  message_stop: () => ({ end: true }),
};
