import { type Ref, useEffect, useImperativeHandle } from "react";

import type { Turn as KnownTurn } from "../../../types/conversation.ts";
import { Welcome } from "../Welcome.tsx";
import { Announcer } from "./Announcer.tsx";
import type { Chat } from "./chat.ts";
import type { Meter } from "./meter.ts";
import { Turn } from "./Turn.tsx";
import { turnsOf } from "./turns.ts";
import { useFollow } from "./useFollow.ts";

/** What can be done with a thread from outside. */
export interface ThreadHandle {
  ask(prompt: string): void;
  stop(): void;
}

export interface ThreadProps {
  chat: Chat;
  meter: Meter;
  /** What the server knows of turns, by their ids. */
  known: ReadonlyMap<string, KnownTurn>;
  handle: Ref<ThreadHandle>;
  onStreaming(isStreaming: boolean): void;
}

/** Questions and answers. */
export function Thread({ chat, meter, known, handle, onStreaming }: ThreadProps) {
  const { isStreaming, cancel } = chat;
  const turns = turnsOf(chat, known);
  const last = turns.at(-1);
  // Below the answer there are its figures.
  const follow = useFollow(last?.answer, known.get(last?.id ?? ""));

  const ask = (prompt: string) => {
    meter.ask();
    follow.toEnd();
    chat.send(prompt);
  };
  const retry = () => {
    meter.ask();
    chat.retry();
  };

  useImperativeHandle(handle, () => ({ ask, stop: () => void cancel() }));
  useEffect(() => onStreaming(isStreaming), [onStreaming, isStreaming]);

  useEffect(() => {
    if (!isStreaming) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.isComposing) cancel();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [isStreaming, cancel]);

  return (
    <>
      <main className="thread">
        {turns.length === 0 && <Welcome onAsk={ask} />}
        <ol className="turns">
          {turns.map((turn, index) => (
            <Turn
              // biome-ignore lint/suspicious/noArrayIndexKey: a turn keeps its place, also when asked again
              key={index}
              turn={turn}
              known={turn.id === undefined ? undefined : known.get(turn.id)}
              meter={turn === last ? meter : undefined}
              onRetry={turn === last && !isStreaming ? retry : undefined}
            />
          ))}
        </ol>
        {!follow.isAtEnd && (
          <button type="button" className="to-end" onClick={follow.toEnd}>
            To the newest
          </button>
        )}
      </main>
      <Announcer turn={last} />
    </>
  );
}
