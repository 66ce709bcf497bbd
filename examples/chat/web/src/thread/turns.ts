import type { GivenMessage } from "stream-llm/client";

import type { Turn } from "../../../types/conversation.ts";
import type { Chat } from "./chat.ts";

/** A question and its answer, as far as it has come. */
export interface ShownTurn {
  /** Of the answer; absent until there is one. */
  id: string | undefined;
  prompt: string;
  answer: string;
  status: "waiting" | "streaming" | "done" | "stopped" | "failed";
  error: string | undefined;
}

/** In words for the reader: without who says it. */
const wordsOf = (error: Error) => error.message.replace(/^stream-llm: (the answer failed: )?/, "");

const asked = (prompt: string): ShownTurn => ({
  id: undefined,
  prompt,
  answer: "",
  status: "waiting",
  error: undefined,
});

function addAnswer(turn: ShownTurn, { id, content, status = "done", error }: GivenMessage): void {
  const isWaiting = status === "streaming" && content === "";
  turn.id = id;
  turn.answer = content;
  turn.status = isWaiting ? "waiting" : status;
  turn.error = error && wordsOf(error);
}

/** Questions with their answers, of which the server may know more. */
export function turnsOf(chat: Chat, known: ReadonlyMap<string, Turn>): ShownTurn[] {
  const { messages, isStreaming, error, refusal } = chat;
  const turns: ShownTurn[] = [];
  for (const message of messages) {
    if (message.role === "user") turns.push(asked(message.content));
    else if (turns.length > 0) addAnswer(turns.at(-1) as ShownTurn, message);
  }
  const last = turns.at(-1);
  if (!last) return turns;
  const isOpen = last.status === "waiting" || last.status === "streaming";
  if (isOpen && !isStreaming) last.status = error ? "failed" : "stopped";
  if (isOpen || last.status === "failed")
    last.error = refusal ?? last.error ?? (error && wordsOf(error));
  if (last.answer === "" && !isStreaming) {
    last.answer = known.get(last.id ?? "")?.text ?? "";
  }
  return turns;
}
