import { Fragment } from "react";

import type { Turn as KnownTurn } from "../../../types/conversation.ts";
import { CopyButton } from "../CopyButton.tsx";
import { Markdown } from "../markdown/Markdown.tsx";
import { describeFigures, type Meter } from "./meter.ts";
import type { ShownTurn } from "./turns.ts";

const words: Record<ShownTurn["status"], string> = {
  waiting: "Waiting for the first token",
  streaming: "Answering",
  done: "Done",
  stopped: "Stopped",
  failed: "Failed",
};

interface Props {
  turn: ShownTurn;
  /** What the server says of it, once it does. */
  known: KnownTurn | undefined;
  /** Of the last turn. */
  meter: Meter | undefined;
  onRetry: (() => void) | undefined;
}

export function Turn({ turn, known, meter, onRetry }: Props) {
  const { prompt, answer, status } = turn;
  const isOpen = status === "waiting" || status === "streaming";
  const error = turn.error ?? known?.error;
  // Once it has ended the server's alone count, which are there after a reload, too.
  const measured = isOpen ? meter?.figures : undefined;
  const figures = describeFigures({ ...measured, ...known?.figures }, known?.provider);
  return (
    <li className="turn" data-status={status}>
      <h2 className="visually-hidden">Question</h2>
      <p className="question">{prompt}</p>
      <h2 className="visually-hidden">Answer</h2>
      <div className="answer markdown" aria-busy={isOpen}>
        <Markdown text={answer} />
      </div>
      {error && <p className="failure">{error}</p>}
      <footer>
        <p className="meter">
          <span>{words[status]}</span>
          {figures.map((figure) => (
            <Fragment key={figure}>
              {" "}
              <span>{figure}</span>
            </Fragment>
          ))}
        </p>
        {!isOpen && answer && <CopyButton text={answer} label="Copy answer" />}
        {onRetry && (
          <button type="button" className="quiet-button" onClick={onRetry}>
            Ask again
          </button>
        )}
      </footer>
    </li>
  );
}
