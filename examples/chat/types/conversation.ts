/** What server and page say to each other. Only types: the page imports them without the server. */

export interface Turn {
  /** Of the question and of the generation that answers it. */
  id: string;
  prompt: string;
  provider: string;
  status: "running" | "finished" | "failed" | "aborted";
  /** The answer; empty while it is running, when it comes as a stream. */
  text: string;
  figures: Figures;
  /** Why it failed. */
  error?: string;
}

/** As the server measured it; what is not known yet, or never will be, is absent. */
export interface Figures {
  /** ms */
  timeToFirstToken?: number;
  tokensPerSecond?: number;
  outputTokens?: number;
  /** US dollars */
  cost?: number;
}

export interface Conversation {
  id: string;
  version: number;
  turns: Turn[];
}

export interface Provider {
  id: string;
  name: string;
  model: string;
}

/** Events of `GET /api/conversations/:id/events`. */
export interface ConversationEvents {
  /** The first: whoever has another version has missed something. */
  hello: { version: number; you: string };
  /** A question was asked in the tab that calls itself `tab`. */
  asked: { version: number; tab: string | null };
  /** Its answer has ended. */
  ended: { version: number; turn: Turn };
  /** Who has the page open, on whatever conversation. */
  here: { people: number; names: string[] };
}
