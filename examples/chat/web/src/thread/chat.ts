import type { GivenMessage } from "stream-llm/client";

/** A conversation as it is shown and gone on with, whatever carries it. */
export interface Chat {
  messages: readonly GivenMessage[];
  /** Whether an answer is under way, be it that nothing of it has come yet. */
  isStreaming: boolean;
  error: Error | undefined;
  /** Why it does not go on, for now or for good, where the server has said so. */
  refusal: string | undefined;
  send(prompt: string): unknown;
  cancel(): unknown;
  /** Asks the last question again, in place of its answer. */
  retry(): unknown;
}

/** What a way to carry it is given. */
export interface ChatOptions {
  conversation: string;
  /** What was said before, the question that is being answered included. */
  messages: GivenMessage[];
  /** The answer that is under way. */
  running: string | undefined;
  provider: string | undefined;
  onToken(): void;
}

/** Which question of the conversation the last of `messages` is: where it is asked again, not a new one. */
export const turnOf = (messages: readonly { role: string }[]) =>
  messages.filter(({ role }) => role === "user").length - 1;
