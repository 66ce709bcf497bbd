import { useEffect, useRef, useState } from "react";

import type { Provider } from "../../types/conversation.ts";
import { Composer } from "./Composer.tsx";
import { Controls } from "./Controls.tsx";
import { Conversation } from "./conversation/Conversation.tsx";
import { useConversation } from "./conversation/useConversation.ts";
import { Header } from "./Header.tsx";
import { usePreference } from "./preferences.ts";
import { request } from "./session.ts";
import type { ThreadHandle } from "./thread/Thread.tsx";

/** Asked for with each conversation: the server may have started anew, with other keys. */
function useProviders(conversation: string | undefined): Provider[] {
  const [providers, setProviders] = useState<Provider[]>([]);
  useEffect(() => {
    if (conversation) request<Provider[]>("/api/providers").then(setProviders, () => {});
  }, [conversation]);
  return providers;
}

export function App() {
  const { conversation, revision, isLoading, failure, ...loaded } = useConversation();
  const providers = useProviders(conversation?.id);
  const [chosen, setProvider] = usePreference("provider", "");
  const [transport, setTransport] = usePreference("transport", "sse");
  const [isStreaming, setStreaming] = useState(false);
  const thread = useRef<ThreadHandle>(null);

  const provider = providers.find(({ id }) => id === chosen)?.id ?? providers[0]?.id;
  const changeTransport = (isWebSocket: boolean) => {
    setTransport(isWebSocket ? "websocket" : "sse");
    loaded.reload();
  };

  return (
    <>
      <Header {...loaded} onNewChat={loaded.startNew} />
      {failure && (
        <div className="notice" role="alert">
          <p>{failure}</p>
          <button type="button" className="text-button" onClick={loaded.reload}>
            Try again
          </button>
        </div>
      )}
      {conversation && !failure && (
        <>
          <Conversation
            key={revision}
            conversation={conversation}
            ended={loaded.ended}
            provider={provider}
            transport={transport}
            handle={thread}
            onStreaming={setStreaming}
          />
          <Composer
            isStreaming={isStreaming}
            isDisabled={isLoading}
            onSend={(prompt) => thread.current?.ask(prompt)}
            onStop={() => thread.current?.stop()}
          >
            <Controls
              providers={providers}
              provider={provider}
              onProvider={setProvider}
              isWebSocket={transport === "websocket"}
              onWebSocket={changeTransport}
              isDisabled={isStreaming || isLoading}
            />
          </Composer>
        </>
      )}
    </>
  );
}
