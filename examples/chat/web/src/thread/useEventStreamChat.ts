import { useMemo, useState } from "react";
import { useStreamingChat } from "stream-llm/react";

import { tab } from "../conversation/useConversation.ts";
import { authorization, fetchTelling } from "../session.ts";
import { type Chat, type ChatOptions, turnOf } from "./chat.ts";

/** Over server-sent events. */
export function useEventStreamChat(options: ChatOptions): Chat {
  const { conversation, messages, running, provider, onToken } = options;
  const [refusal, setRefusal] = useState<string>();
  const tellingFetch = useMemo(() => fetchTelling(setRefusal), []);

  const chat = useStreamingChat({
    endpoint: "/api/chat",
    headers: authorization,
    fetch: tellingFetch,
    // The server keeps what was said: it is not sent again.
    body: ({ id, prompt, messages }) => ({
      id,
      prompt,
      conversation,
      provider,
      tab,
      turn: turnOf(messages),
    }),
    messages,
    resume: running,
    retry: { maxRetries: 10, maxDelay: 5000 },
    onToken,
  });
  // Until the server has said something of the answer to take up, it is under way.
  const isSilent = chat.messages.length === messages.length && !chat.error;
  const isStreaming = chat.isStreaming || (running !== undefined && isSilent);
  return { ...chat, isStreaming, refusal };
}
