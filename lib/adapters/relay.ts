import { EventBuffer } from "../event-buffer.js";
import { requireOption } from "../options.js";
import { type AccountingOptions, createMeter, type Meter } from "../streaming/accounting/index.js";
import type { ErrorPart, Part } from "../streaming/parts.js";
import {
  createProtocolWriter,
  type Protocol,
  type ProtocolWriter,
  type WireEvent,
  type WriterOptions,
} from "../streaming/protocols/index.js";
import { tellUnheard } from "../streaming/unheard.js";
import type { PartReader, ReaderOptions } from "./reader.js";

/**
 * With `onUsage` or `onFinish`, the run is metered from the call of the adapter on. Without `onFinish`, a
 * warning of the process tells of failures, once a minute at most.
 */
export interface AdapterOptions extends ReaderOptions, WriterOptions, AccountingOptions {
  /**
   * What the clients read, whatever the provider speaks. The response's headers are
   * `protocolHeaders(protocol)` of `stream-llm/streaming`.
   *
   * Defaults to `"events"`.
   */
  protocol?: Protocol | undefined;
  /**
   * After how many ms of silence a comment is sent, so that no proxy takes the connection for dead;
   * null for never.
   *
   * Defaults to 10 000.
   */
  keepAlive?: number | null | undefined;
}

/** What timers take. */
const maxMs = 2 ** 31 - 1;

/** The bytes of one answer, made when they are asked for. */
class Relay {
  readonly #reader: PartReader;
  readonly #writer: ProtocolWriter;
  readonly #keepAlive: number;
  readonly #meter: Meter | undefined;
  readonly #isHeard: boolean;
  readonly #buffer = new EventBuffer({ eventId: null, serializer: String });
  readonly #encoder = new TextEncoder();
  #cancelled = false;

  constructor(
    reader: PartReader,
    writer: ProtocolWriter,
    keepAlive: number,
    meter: Meter | undefined,
    isHeard: boolean,
  ) {
    this.#reader = reader;
    this.#writer = writer;
    this.#keepAlive = keepAlive;
    this.#meter = meter;
    this.#isHeard = isHeard;
  }

  /** Reads on until there is something to send. Without a reader of the bytes, nothing is read. */
  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const stop = this.#whileSilent(controller);
    let events: WireEvent[] = [];
    try {
      while (events.length === 0 && !this.#writer.ended) events = await this.#next();
    } catch (error) {
      await this.cancel();
      throw error;
    } finally {
      stop();
    }
    if (this.#cancelled) return;
    if (events.length > 0) controller.enqueue(this.#bytes(events));
    if (this.#writer.ended) controller.close();
  }

  /** Nobody reads any more: the provider is stopped, also while it is waited for. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    void this.#meter?.finish();
    await this.#reader.return();
  }

  async #next(): Promise<WireEvent[]> {
    const { done, value } = await this.#reader.next();
    const part = done
      ? failed("incomplete-stream", "the parts ended without a terminal one")
      : value;
    this.#meter?.part(part);
    const events = this.#write(part);
    // Its signal is let go, and what the provider may still send is read apart.
    if (this.#writer.ended) await this.#reader.return();
    return events;
  }

  #write(part: Part): WireEvent[] {
    try {
      const events = this.#writer.write(part);
      if (part.type === "error") this.#tell(part);
      return events;
    } catch (cause) {
      const failure = { ...failed("source-error", "a part has no JSON"), cause };
      this.#tell(failure);
      return this.#writer.write(failure);
    }
  }

  #tell(error: ErrorPart): void {
    const remedy = "Pass `onFinish` to the adapter to hear of each.";
    if (!this.#isHeard) tellUnheard("the source of an adapter", error, remedy);
  }

  #bytes(events: WireEvent[]): Uint8Array {
    for (const { data, event } of events) this.#buffer.push(data, event);
    return this.#written();
  }

  #comment(): Uint8Array {
    this.#buffer.comment().dispatch();
    return this.#written();
  }

  #written(): Uint8Array {
    const bytes = this.#encoder.encode(this.#buffer.read());
    this.#buffer.clear();
    return bytes;
  }

  /** One comment at most lies unread. */
  #whileSilent(controller: ReadableStreamDefaultController<Uint8Array>): () => void {
    if (this.#keepAlive === 0) return () => {};
    const timer = setInterval(() => {
      if (controller.desiredSize === 0 && !this.#cancelled) controller.enqueue(this.#comment());
    }, this.#keepAlive);
    timer.unref();
    return () => clearInterval(timer);
  }
}

function failed(code: "incomplete-stream" | "source-error", message: string): ErrorPart {
  return { type: "error", code, message, retryable: false };
}

/**
 * The answer as the bytes of an event stream, read no faster than they are. Cancelling the stream
 * stops the provider.
 *
 * @throws {SseError} `invalid-option`
 */
export function relay(
  read: (options: ReaderOptions) => PartReader,
  options: AdapterOptions = {},
): ReadableStream<Uint8Array> {
  const { protocol = "events", keepAlive = 10_000 } = options;
  const writer = createProtocolWriter(protocol, options);
  const valid =
    keepAlive === null || (typeof keepAlive === "number" && keepAlive > 0 && keepAlive <= maxMs);
  requireOption(valid, "keepAlive", keepAlive, `a number of ms above 0, up to ${maxMs}, or null`);
  const isMetered = options.onUsage !== undefined || options.onFinish !== undefined;
  const { prices, prompt, onUsage, onFinish } = options;
  const meter = isMetered ? createMeter({ prices, prompt, onUsage, onFinish }) : undefined;
  const bytes = new Relay(read(options), writer, keepAlive ?? 0, meter, onFinish !== undefined);
  return new ReadableStream(
    { pull: (controller) => bytes.pull(controller), cancel: () => bytes.cancel() },
    { highWaterMark: 0 },
  );
}
