import type { Provider } from "../../types/conversation.ts";

interface Props {
  providers: Provider[];
  provider: string | undefined;
  onProvider(id: string): void;
  isWebSocket: boolean;
  onWebSocket(chosen: boolean): void;
  isDisabled: boolean;
}

/** Who answers, and over what. */
export function Controls(props: Props) {
  const { providers, provider, isWebSocket, isDisabled } = props;
  return (
    <div className="controls">
      <label>
        <span className="visually-hidden">Answers from</span>
        <select
          value={provider}
          disabled={isDisabled}
          onChange={(event) => props.onProvider(event.target.value)}
        >
          {providers.map(({ id, name, model }) => (
            <option key={id} value={id}>
              {name} · {model}
            </option>
          ))}
        </select>
      </label>
      <label className="switch">
        <input
          type="checkbox"
          role="switch"
          aria-checked={isWebSocket}
          checked={isWebSocket}
          disabled={isDisabled}
          onChange={(event) => props.onWebSocket(event.target.checked)}
        />
        WebSocket
      </label>
    </div>
  );
}
