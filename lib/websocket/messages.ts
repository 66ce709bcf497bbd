/** What a client asks: JSON, one object in each text message. */
export type ClientMessage = ChatMessage | CancelMessage | ResumeMessage;

/** Starts an answer, and watches it. Other fields are the application's. */
export interface ChatMessage {
  type: "chat";
  /** Which answer: of 1 to 512 characters, chosen by the client. */
  id: string;
  requestId?: undefined;
  [field: string]: unknown;
}

/** Stops an answer. */
export interface CancelMessage {
  type: "cancel";
  id: string;
  requestId?: undefined;
}

/** Watches an answer. */
export interface ResumeMessage {
  type: "resume";
  id: string;
  requestId?: undefined;
  /** The `eventId` to go on after. The answer comes from its start without it. */
  lastEventId?: string | undefined;
}

/** What all messages of an answer have. */
interface OfAnswer {
  /** Which answer. */
  id: string;
  /** For `resume`. In a replay from the start, only the last event has one. */
  eventId?: string;
}

/** What the server sends, in the same form. */
export type ServerMessage =
  | AnswerMessage
  | RefusalMessage
  | { type: "event"; event: string; id?: string; data: unknown; raw?: true }
  | { type: "retry"; retry: number };

/** What a client gets of an answer. `done`, `cancelled` and `error` are the last. */
export type AnswerMessage = OfAnswer &
  (
    | { type: "start"; messageId: string; model: string }
    | { type: "text"; text: string }
    | { type: "usage"; usage: object }
    | { type: "metadata"; data: unknown }
    | { type: "gap"; reason: string }
    | { type: "done"; finishReason?: string }
    | { type: "cancelled"; reason?: string }
    | { type: "error"; code: string; message: string; retryAfter?: number }
  );

/** A message of the client to which nothing else comes. An answer of that id goes on, if there is one. */
export interface RefusalMessage {
  type: "error";
  id?: string;
  code: string;
  message: string;
  /** The type of what was asked, where that is known. */
  refused?: string;
}
