import {
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useRef,
  useState,
} from "react";

const MAX_LENGTH = 4000;
const MAX_ROWS = 8;

const canHover = () => matchMedia("(hover: hover)").matches;

/** For when the button that had the focus goes. On a phone, no keyboard shall pop up. */
function takeFocus(field: HTMLElement | null): void {
  if (canHover()) field?.focus({ preventScroll: true });
}

interface Props {
  isStreaming: boolean;
  onSend(prompt: string): void;
  /** Whether nothing can be sent for a moment. */
  isDisabled: boolean;
  onStop(): void;
  /** Controls below the field. */
  children: ReactNode;
}

/** Where the next question is written; the draft stays, whatever happens above it. */
export function Composer({ isStreaming, isDisabled, onSend, onStop, children }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useState("");
  const prompt = draft.trim();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!prompt || isStreaming || isDisabled) return;
    setDraft("");
    onSend(prompt);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    submit(event);
  };
  useEffect(() => {
    if (isStreaming && document.activeElement === document.body) takeFocus(field.current);
  }, [isStreaming]);
  const stop = () => {
    onStop();
    takeFocus(field.current);
  };

  return (
    <form className="composer" onSubmit={submit}>
      <div className="composer-card">
        <label className="visually-hidden" htmlFor="prompt">
          Your question
        </label>
        <textarea
          id="prompt"
          ref={field}
          // biome-ignore lint/a11y/noAutofocus: the page is for asking; no keyboard pops up on a phone
          autoFocus={canHover()}
          rows={Math.min(draft.split("\n").length, MAX_ROWS)}
          maxLength={MAX_LENGTH}
          placeholder="Ask something…"
          enterKeyHint="send"
          autoComplete="off"
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <div className="composer-row">
          {children}
          {isStreaming ? (
            <button key="stop" type="button" className="send stop" onClick={stop}>
              Stop
            </button>
          ) : (
            <button key="send" type="submit" className="send" disabled={!prompt || isDisabled}>
              Send
            </button>
          )}
        </div>
      </div>
      <p className="keys" aria-hidden="true">
        <kbd>Enter</kbd> sends, <kbd>Shift</kbd> <kbd>Enter</kbd> begins a line, <kbd>Esc</kbd>{" "}
        stops
      </p>
    </form>
  );
}
