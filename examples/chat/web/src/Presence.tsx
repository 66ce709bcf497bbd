import type { ConversationEvents } from "../../types/conversation.ts";

interface Props {
  here: ConversationEvents["here"] | undefined;
  you: string | undefined;
  isOffline: boolean;
}

/** Who has the page open: people, however many tabs each of them has. */
export function Presence({ here, you, isOffline }: Props) {
  if (isOffline) {
    return (
      <p className="presence-label" data-offline>
        <span className="dot" aria-hidden="true" />
        Reconnecting…
      </p>
    );
  }
  if (!here) return <p className="presence-label" />;
  const unnamed = here.people - here.names.length;
  return (
    <details className="presence">
      <summary className="presence-label">
        <span className="dot" aria-hidden="true" />
        <span>
          <b>{here.people}</b> {here.people === 1 ? "person" : "people"}
          <span> here</span>
        </span>
      </summary>
      <div className="presence-list">
        <p>Reading now</p>
        <ul>
          {here.names.map((name, index) => (
            // Two people may have one name.
            // biome-ignore lint/suspicious/noArrayIndexKey: the list is shown anew as a whole
            <li key={index}>
              {name}
              {name === you && <span> (you)</span>}
            </li>
          ))}
          {unnamed > 0 && <li>and {unnamed} more</li>}
        </ul>
      </div>
    </details>
  );
}
