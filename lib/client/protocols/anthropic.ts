import { object, type Said, type Saying } from "./said.js";

function readBlock(block: unknown): Said {
  const { text, thinking: reasoning } = object(block);
  return { text, reasoning };
}

/** Anthropic's messages: https://platform.claude.com/docs/en/build-with-claude/streaming */
export const anthropic: Saying = {
  message_start({ message }) {
    const { model, usage } = object(message);
    return { start: true, model, usage };
  },
  ping: () => ({ quiet: true }),
  content_block_start: ({ content_block: block }) => readBlock(block),
  content_block_delta: ({ delta }) => readBlock(delta),
  message_delta: ({ delta }) => ({ finish: object(delta).stop_reason }),
  message_stop: () => ({ end: true }),
};
