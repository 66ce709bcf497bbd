import type { EventSourceMessage } from "eventsource-parser";
import type { Protocol } from "../streaming/protocols/index.js";

/** How a client is told of an answer: one for each client that watches. */
export interface AnswerMessages {
  /** Which of the generations' protocols is put into messages. */
  readonly protocol: Protocol;
  /** Whether the client knows that nothing more comes. */
  readonly ended: boolean;
  /** What is said when there is such an answer, before anything of it. */
  head(): string | undefined;
  /** What an event comes to. */
  of(event: EventSourceMessage): string | undefined;
}

/** How an event of the protocol `events` is called here; what has no name is no part of an answer. */
const types: Record<string, string> = {
  start: "start",
  token: "text",
  usage: "usage",
  metadata: "metadata",
  gap: "gap",
  done: "done",
  error: "error",
};

interface EventData {
  id: string;
  model: string;
  token: string;
  finishReason?: string;
  error: string;
  code: string;
  retryAfter?: number;
  reason: string;
}

/** The messages `start text usage metadata gap done cancelled error`; see `AnswerMessage`. */
export class NativeMessages implements AnswerMessages {
  readonly protocol = "events";
  ended = false;
  readonly #id: string;
  #finishReason: string | undefined;

  constructor(id: string) {
    this.#id = id;
  }

  head(): undefined {}

  of({ event = "message", id: eventId, data }: EventSourceMessage): string | undefined {
    const type = Object.hasOwn(types, event) ? types[event] : undefined;
    if (type === undefined) return undefined;
    const message = { type, id: this.#id, eventId, ...this.#fields(type, JSON.parse(data)) };
    this.ended = ["done", "cancelled", "error"].includes(message.type);
    return JSON.stringify(message);
  }

  #fields(type: string, data: EventData): { type?: string } & Record<string, unknown> {
    switch (type) {
      case "start":
        return { messageId: data.id, model: data.model };
      case "text":
        return { text: data.token };
      case "gap":
        return { reason: data.reason };
      case "metadata":
        this.#finishReason = data?.finishReason;
        return { data };
      case "usage":
        return { usage: data };
      case "done":
        return { finishReason: this.#finishReason };
      default:
        return ending(data);
    }
  }
}

/** An abort is an error in AI Kit's events. */
function ending({
  error,
  code,
  retryAfter,
}: EventData): { type?: string } & Record<string, unknown> {
  if (code === "ABORTED") return { type: "cancelled", reason: error };
  return { code: code.toLowerCase().replaceAll("_", "-"), message: error, retryAfter };
}

/**
 * The frames of the AI SDK's `WebSocketChatTransport`, which numbers the chunks of each request from 0:
 * https://ai-sdk.dev/docs/reference/ai-sdk-ui/websocket-chat-transport
 */
export class ChunkFrames implements AnswerMessages {
  readonly protocol = "ai-sdk";
  ended = false;
  readonly #requestId: string;
  readonly #isResumed: boolean;
  #sequence = 0;

  constructor(requestId: string, isResumed: boolean) {
    this.#requestId = JSON.stringify(requestId);
    this.#isResumed = isResumed;
  }

  head(): string | undefined {
    return this.#isResumed ? this.#frame("start") : undefined;
  }

  of({ event, data }: EventSourceMessage): string | undefined {
    if (event !== undefined) return undefined;
    if (data !== "[DONE]")
      return this.#frame("chunk", `,"sequence":${this.#sequence++},"chunk":${data}`);
    this.ended = true;
    return this.#frame("end");
  }

  #frame(type: string, rest = ""): string {
    return `{"type":"${type}","requestId":${this.#requestId}${rest}}`;
  }
}
