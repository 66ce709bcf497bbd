import { useEffect, useRef, useState } from "react";

import type { ShownTurn } from "./turns.ts";

const ends: Partial<Record<ShownTurn["status"], string>> = {
  done: "End of the answer.",
  stopped: "The answer was stopped.",
  failed: "The answer failed.",
};

/**
 * Tells a screen reader of the last answer: paragraph by paragraph, as each is whole, and how it ends. The answer
 * itself is no live region, which would be read token by token.
 */
export function Announcer({ turn }: { turn: ShownTurn | undefined }) {
  const [text, setText] = useState("");
  const told = useRef({ id: "", length: 0, status: turn?.status });

  useEffect(() => {
    if (!turn) return;
    const before = told.current;
    const { id = "", status, answer } = turn;
    if (status === "waiting" && before.status !== "waiting") setText("Waiting for the answer.");
    // What was there when the page was opened is not news.
    const from = before.id === id ? before.length : 0;
    const isOver = status in ends;
    const until = isOver ? answer.length : answer.lastIndexOf("\n\n") + 1;
    if (before.status === "streaming" || before.status === "waiting") {
      const news = answer.slice(from, until).trim();
      const end = before.status !== status ? (ends[status] ?? "") : "";
      if (news || end) setText(`${news}\n${turn.error ?? ""} ${end}`.trim());
    }
    told.current = { id, length: Math.max(until, 0), status };
  }, [turn]);

  return (
    <p className="visually-hidden" role="status">
      {text}
    </p>
  );
}
