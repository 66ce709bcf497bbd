import { SseError } from "../errors.js";
import { costOf } from "../streaming/accounting/cost.js";
import type { AIStream } from "./ai-stream.js";
import type { AIStreamConfig, Message } from "./ai-stream-config.js";
import { Answer } from "./answer.js";
import { AnswerReader } from "./answer-reader.js";
import { type AttemptRequest, attempt, type Ending } from "./attempt.js";
import { EventParser, type ParsedEvent } from "./event-parser.js";
import { below } from "./request.js";
import { type Retry, retryDelay, sleep } from "./retry.js";

/** How long a server may take to stop, in ms. */
const stopPatience = 10_000;

/** What an answer is asked for by. */
export interface TurnRequest {
  id: string;
  /** Absent for an answer that was asked for before. */
  body?: string;
  /** Whether no other answer has the id. */
  isNew?: boolean;
}

/**
 * One answer, from its request to its end, over as many connections as it takes.
 *
 * A prompt is posted again only where nothing can have come of the request before: the server has
 * refused it, or knows no generation of this id, and the model has said nothing.
 */
export class Turn extends Answer {
  /** What it says beside its text. */
  reader = new AnswerReader();
  readonly #conversation: AIStream;
  readonly #config: AIStreamConfig;
  readonly #asked: TurnRequest;
  /** Ends the attempt that is under way, or the wait for the next. */
  #stop = new AbortController();
  /** The request whose response has not come. */
  #posting: Promise<Ending> | undefined;
  /** Whether the server may have got the request. */
  #sent = false;
  /** Whether the server has streamed: the generation under the id is this answer's. */
  #open = false;
  /** Where the answer goes on; `""` for from its start. */
  #lastId = "";

  constructor(conversation: AIStream, config: AIStreamConfig, asked: TurnRequest) {
    super(asked.id);
    this.#conversation = conversation;
    this.#config = config;
    this.#asked = asked;
  }

  /**
   * Resolves at the end of the answer, or when there is none to take up. To be called once.
   *
   * @throws {SseError}
   */
  async run(retry: Retry): Promise<void> {
    // Those who hear of it may stop it before anything is sent.
    await undefined;
    for (let failures = 0; ; ) {
      const before = this.#length;
      const { error, final, retryAfter = 0 } = await this.#attempt();
      if (!error || !this.#isWanted) return;
      if (this.#length > before) failures = 0;
      if (final || failures >= retry.maxRetries) {
        if (this.reader.isWhole) return;
        throw error;
      }
      const delay = retryDelay(retry, failures++, retryAfter);
      // The model has said nothing but that it failed: the next request is as good as the first.
      if (this.reader.said.error) {
        this.reader = new AnswerReader();
        this.#open = this.#sent = false;
        this.#anew();
      }
      this.#stop = new AbortController();
      this.#conversation.tell(["retry", { attempt: failures, delay, error }]);
      await sleep(delay, this.#stop.signal);
    }
  }

  /** Ends the connection, and leaves the server alone. */
  leave(): void {
    this.#stop.abort();
  }

  /** Ends the connection, and has the server stop. The request goes out though the page is left. */
  async stop(): Promise<void> {
    if (this.#sent && this.#posting) {
      // A stop must not overtake the request that it stops; but that may take for ever.
      AbortSignal.timeout(stopPatience).onabort = () => this.leave();
      await this.#posting;
    }
    this.leave();
    if (!this.#sent && !this.#open && this.#asked.body) return;
    const request = this.#request(this.#url("stop"), { method: "POST", keepalive: true });
    await attempt({ ...request, heartbeatTimeout: stopPatience }, "", new AbortController(), {
      wants: () => false,
      take() {},
    });
  }

  protected override details(): Partial<Message> {
    const { finishReason, usage, said } = this.reader;
    const { prices, model } = this.#config;
    if (!usage) return { finishReason };
    const { promptTokens: inputTokens, completionTokens: outputTokens } = usage;
    const metered = { ...usage, inputTokens, outputTokens };
    return { finishReason, usage, cost: prices && costOf(prices, [said.model, model], metered) };
  }

  /** Whether anything more is taken. */
  get #isWanted(): boolean {
    return this.#conversation.underway === this;
  }

  get #length(): number {
    return this.text.shown.length + this.reasoning.shown.length;
  }

  async #attempt(): Promise<Ending> {
    const { body, isNew } = this.#asked;
    // Under an id that the application names there may be an older answer.
    if (this.#open || !body || (this.#sent && isNew)) {
      const ending = await this.#resume();
      if (ending) return ending;
      if (this.reader.heard || (this.#open && !body)) {
        const why = "the server cannot resume the answer.";
        return { error: new SseError("incomplete", why), final: true };
      }
    }
    return body ? this.#post(body) : {};
  }

  async #post(body: string): Promise<Ending> {
    const repeated = this.#sent;
    // The type of a Blob is the content type.
    const init = { method: "POST", body: new Blob([body], { type: "application/json" }) };
    this.#posting = this.#stream(this.#config.endpoint, init, "", () => {
      this.#sent = true;
    });
    const ending = await this.#posting;
    this.#posting = undefined;
    const { status = 500 } = ending.error ?? {};
    if (status === 409 && repeated) return (await this.#resume()) ?? ending;
    // What a gateway says tells nothing of what the server behind it has got.
    if (status < 500 || status === 503) this.#sent = repeated;
    return ending;
  }

  /** Nothing where the server has nothing that goes on. */
  async #resume(): Promise<Ending | undefined> {
    const ending = await this.#stream(this.#url("stream"), {}, this.#lastId);
    return /^2|404|405|501/.test(String(ending.error?.status)) ? undefined : ending;
  }

  #url(segment: string): string {
    return below(this.#config.endpoint, `${encodeURIComponent(this.id)}/${segment}`);
  }

  #request(url: string, given: RequestInit): AttemptRequest {
    const { headers, fetch, credentials, heartbeatTimeout = 120_000 } = this.#config;
    const init = { credentials, ...given } as RequestInit;
    return { url, init, headers, fetch, heartbeatTimeout };
  }

  /** One connection of the answer. */
  async #stream(
    url: string,
    init: RequestInit,
    lastId: string,
    onSent?: () => void,
  ): Promise<Ending> {
    let isFirst = true;
    const wants = () => this.#isWanted && !this.reader.ended;
    const parser = new EventParser({
      onEvent: (event) => {
        if (wants()) this.#take(event, isFirst);
        isFirst = false;
      },
      onComment: (text) => {
        if (text.startsWith("gap:")) this.#anew();
      },
    });
    const ending = await attempt(this.#request(url, init), lastId, this.#stop, {
      onSent,
      onOpen: () => {
        this.#posting = undefined;
        if (!lastId) this.#anew();
        this.#open = true;
        if (this.#isWanted) this.#conversation.open();
      },
      wants,
      take: (bytes) => parser.push(bytes),
    });
    if (ending.error) return ending;
    const { failure, said, isLost } = this.reader;
    return { error: failure, final: isLost, retryAfter: said.error?.retryAfter };
  }

  /** What comes is the answer from its start. */
  #anew(): void {
    this.#lastId = "";
    this.text.restart();
    this.reasoning.restart();
  }

  /** @param isFirst whether it is the first event of a connection */
  #take({ event, data, id }: ParsedEvent, isFirst: boolean): void {
    if (event === "gap") {
      this.#anew();
      return;
    }
    const said = this.reader.take(event, data);
    // A server that does not go on, but sends all of it again.
    if (said.start && isFirst) this.#anew();
    if (id) this.#lastId = id;
    const { usage } = this.reader;
    if (said.usage && usage) this.#conversation.tell(["usage", usage]);
    this.#conversation.add(this, "reasoning", said.reasoning);
    this.#conversation.add(this, "text", said.text);
  }
}
