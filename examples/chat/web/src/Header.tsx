import type { ConversationEvents } from "../../types/conversation.ts";
import { Presence } from "./Presence.tsx";
import { ThemeToggle } from "./ThemeToggle.tsx";

interface Props {
  here: ConversationEvents["here"] | undefined;
  you: string | undefined;
  isOffline: boolean;
  onNewChat(): void;
}

export function Header({ here, you, isOffline, onNewChat }: Props) {
  return (
    <header className="header">
      <h1>
        <img src="/icon.svg" alt="" width="26" height="26" />
        stream-llm <span>chat</span>
      </h1>
      <div className="header-actions">
        <Presence here={here} you={you} isOffline={isOffline} />
        <button type="button" className="text-button" onClick={onNewChat}>
          New chat
        </button>
        <ThemeToggle />
      </div>
    </header>
  );
}
