import { type Ref, useMemo, useState } from "react";
import type { GivenMessage } from "stream-llm/client";

import type { Conversation as Loaded, Turn } from "../../../types/conversation.ts";
import type { ChatOptions } from "../thread/chat.ts";
import { Meter } from "../thread/meter.ts";
import { Thread, type ThreadHandle, type ThreadProps } from "../thread/Thread.tsx";
import { useEventStreamChat } from "../thread/useEventStreamChat.ts";
import { useWebSocketChat } from "../thread/useWebSocketChat.ts";

const statuses = { finished: "done", aborted: "stopped", failed: "failed" } as const;

/** What the server has as messages. The answer that is under way comes as a stream. */
function messagesOf(turns: Turn[]): GivenMessage[] {
  return turns.flatMap(({ id, prompt, text, status }): GivenMessage[] => {
    const question: GivenMessage = { role: "user", content: prompt };
    if (status === "running") return [question];
    return [question, { role: "assistant", content: text, id, status: statuses[status] }];
  });
}

type CarriedProps = Omit<ThreadProps, "chat"> & { options: ChatOptions };

const OverEventStream = ({ options, ...props }: CarriedProps) => (
  <Thread chat={useEventStreamChat(options)} {...props} />
);

const OverWebSocket = ({ options, ...props }: CarriedProps) => (
  <Thread chat={useWebSocketChat(options)} {...props} />
);

interface Props {
  /** As it was loaded: what happens after that is the chat's. */
  conversation: Loaded;
  /** Turns that have ended since. */
  ended: ReadonlyMap<string, Turn>;
  provider: string | undefined;
  /** Of which only the first one counts. */
  transport: string;
  handle: Ref<ThreadHandle>;
  onStreaming(isStreaming: boolean): void;
}

/** To be mounted anew where the server knows better what was said. */
export function Conversation(props: Props) {
  const { conversation, ended, provider, transport, handle, onStreaming } = props;
  const { id, turns } = conversation;
  const [Carried] = useState(() => (transport === "websocket" ? OverWebSocket : OverEventStream));
  const [meter] = useState(() => new Meter());

  const known = useMemo(() => {
    const loaded = new Map(turns.map((turn) => [turn.id, turn]));
    for (const [id, turn] of ended) loaded.set(id, turn);
    return loaded;
  }, [turns, ended]);
  const messages = useMemo(() => messagesOf(turns), [turns]);
  const last = turns.at(-1);
  const running = last?.status === "running" && !ended.has(last.id) ? last.id : undefined;

  return (
    <Carried
      options={{ conversation: id, messages, running, provider, onToken: () => meter.countToken() }}
      meter={meter}
      known={known}
      handle={handle}
      onStreaming={onStreaming}
    />
  );
}
