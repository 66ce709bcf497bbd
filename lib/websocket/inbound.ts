import type { ClientMessage } from "./messages.js";

/** A frame of the AI SDK's `WebSocketChatTransport` that starts an answer. */
export interface SendFrame {
  type: "send";
  requestId: string;
  /** The chat's, which is the answer's as well. */
  id: string;
  trigger: "submit-message" | "regenerate-message";
  messageId?: string | undefined;
  /** `UIMessage`s, of which nothing was checked. */
  messages: unknown[];
  headers: Record<string, string>;
  body: Record<string, unknown>;
  metadata?: unknown;
}

/** One that watches an answer from its start. */
export interface ResumeFrame {
  type: "resume";
  requestId: string;
  id: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
  metadata?: unknown;
}

/** One that stops the answer of another frame. */
export interface AbortFrame {
  type: "abort";
  requestId: string;
}

export type Inbound = ClientMessage | SendFrame | ResumeFrame | AbortFrame;

/** What is wrong with a message, in words for its sender; and of which it is, as far as it says. */
export class InvalidMessage extends Error {
  readonly about: { type?: string; id?: string; requestId?: string };

  constructor(message: string, about: InvalidMessage["about"] = {}) {
    super(message);
    this.about = about;
  }
}

type Fields = Record<string, unknown>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 512;
}

function isTextMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((item) => typeof item === "string");
}

/** In an escaped form too. */
const maybePollutes = /__proto__|\\u005f/i;

/** JSON without keys that become a prototype where an object's fields are copied one by one. */
function parse(text: string): unknown {
  if (!maybePollutes.test(text)) return JSON.parse(text);
  return JSON.parse(text, (key, value) => {
    if (key === "__proto__") throw new InvalidMessage("a field must not be called __proto__");
    return value;
  });
}

function objectOf(text: string): Fields {
  try {
    const parsed = parse(text);
    if (isObject(parsed)) return parsed;
  } catch (error) {
    if (error instanceof InvalidMessage) throw error;
  }
  throw new InvalidMessage("a message must be a JSON object");
}

/** What an error message says of the message that it is about: only what is of the right type. */
function aboutOf({ type, id, requestId }: Fields): InvalidMessage["about"] {
  return {
    ...(typeof type === "string" && { type: type.slice(0, 32) }),
    ...(isId(id) && { id }),
    ...(isId(requestId) && { requestId }),
  };
}

/**
 * The message that `text` is. One with a `requestId` is a frame of the AI SDK's transport.
 *
 * @throws {InvalidMessage}
 */
export function readMessage(text: string): Inbound {
  const fields = objectOf(text);
  const about = aboutOf(fields);
  const require = (valid: boolean, expected: string): void => {
    if (!valid) throw new InvalidMessage(expected, about);
  };
  if (fields.requestId !== undefined) checkFrame(fields, require);
  else checkMessage(fields, require);
  return fields as unknown as Inbound;
}

type Require = (valid: boolean, expected: string) => void;

function checkMessage({ type, id, lastEventId }: Fields, require: Require): void {
  const known = typeof type === "string" && ["chat", "cancel", "resume"].includes(type);
  require(known, "type must be chat, cancel or resume");
  require(isId(id), "id must be a string of 1 to 512 characters");
  const isPlace = lastEventId === undefined || typeof lastEventId === "string";
  require(isPlace, "lastEventId must be a string");
}

/** As the AI SDK's own `safeValidateWebSocketChatTransportRequest`, but for the messages' contents. */
function checkFrame(frame: Fields, require: Require): void {
  const { type, requestId, id, headers, body, trigger, messageId, messages } = frame;
  require(isId(requestId), "requestId must be a string of 1 to 512 characters");
  require(typeof type === "string" &&
    ["send", "resume", "abort"].includes(type), "type must be send, resume or abort");
  if (type === "abort") return;
  require(isId(id), "id must be a string of 1 to 512 characters");
  require(isTextMap(headers), "headers must be an object of strings");
  require(isObject(body), "body must be an object");
  if (type === "resume") {
    require(frame.lastSequence ===
      undefined, "lastSequence must be left out: a replay is from the start");
    return;
  }
  const isTrigger = trigger === "submit-message" || trigger === "regenerate-message";
  require(isTrigger, "trigger must be submit-message or regenerate-message");
  require(messageId === undefined || typeof messageId === "string", "messageId must be a string");
  require(Array.isArray(messages) &&
    messages.every(isObject), "messages must be an array of objects");
}
