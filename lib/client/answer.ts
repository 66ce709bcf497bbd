import { SseError } from "../errors.js";
import { AnswerReader } from "./answer-reader.js";
import type { ParsedEvent } from "./event-parser.js";
import { Passing } from "./passing.js";
import type { Protocol } from "./protocols/index.js";
import type { Usage } from "./protocols/usage.js";
import { ToldText } from "./told-text.js";

/** The longest text of an answer, and the longest reasoning, in characters. */
const maxChars = 2 ** 24;

/** What is told while an answer comes. */
export interface AnswerObserver {
  onToken(token: string): void;
  onReasoning(text: string): void;
  onUsage(usage: Usage): void;
  /** The answer is another one than what was shown of it. */
  onRestart(): void;
}

/** An answer as far as it has come, over all the connections that it came by. */
export class Answer {
  readonly text = new ToldText();
  readonly reasoning = new ToldText();
  /** Whether the model has spoken, so that somebody pays. */
  heard = false;
  /** Where it goes on; `""` for from its start. */
  lastId = "";
  read: AnswerReader;
  readonly #observer: AnswerObserver;

  constructor(protocol: Protocol | undefined, observer: AnswerObserver) {
    this.read = new AnswerReader(protocol);
    this.#observer = observer;
  }

  get length(): number {
    return this.text.shown.length + this.reasoning.shown.length;
  }

  /** What comes is the answer from its start. */
  anew(): void {
    this.lastId = "";
    this.text.restart();
    this.reasoning.restart();
    this.read = new AnswerReader(this.read.protocol);
  }

  /**
   * @param isFirst whether it is the first event of a connection
   * @throws {SseError} `invalid-data`, `too-large`
   */
  take({ event, data, id }: ParsedEvent, isFirst: boolean): void {
    if (event === "gap") {
      this.anew();
      return;
    }
    const { usage } = this.read;
    let said = this.read.take(event, data);
    // A server that does not go on, but sends all of it again.
    if (said.start && isFirst) {
      this.anew();
      said = this.read.take(event, data);
    }
    this.lastId = id || this.lastId;
    this.heard ||= this.read.heard;
    if (this.read.usage && this.read.usage !== usage) this.#observer.onUsage(this.read.usage);
    this.#tell(this.reasoning, said.reasoning, "onReasoning");
    this.#tell(this.text, said.text, "onToken");
  }

  /**
   * To be called when a connection has ended.
   *
   * @throws unless the answer may end where it is
   */
  end(): void {
    const { aborted, error, isComplete, ended } = this.read;
    if (aborted) return;
    if (error) {
      const message = `the answer failed: ${error.message}`;
      throw new SseError("answer-failed", message, { cause: error });
    }
    if (!isComplete) {
      const cut = new SseError("incomplete-stream", "the stream ended before the answer did.");
      throw ended ? cut : new Passing(cut);
    }
    if (this.text.end()) this.#observer.onRestart();
    this.reasoning.end();
  }

  #tell(told: ToldText, piece: unknown, tell: "onToken" | "onReasoning"): void {
    if (typeof piece !== "string") return;
    const more = told.add(piece);
    if (more === undefined) this.#observer.onRestart();
    else if (more) this.#observer[tell](more);
    if (told.shown.length <= maxChars) return;
    throw new SseError("too-large", `the answer has more than ${maxChars} characters.`);
  }
}
