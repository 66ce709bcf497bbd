/** One event as a client's parser sees it; whoever sends it adds ids, `retry` and comments. */
export interface WireEvent {
  /** The `event` field; absent in protocols that have none. */
  readonly event?: string | undefined;
  readonly data: string;
  /** Of what `data` is made, where it is a constant frame around a piece of text. */
  readonly prepared?: Prepared;
}

/**
 * The part of a delta's JSON that stays the same for all deltas of its block: an object to prepare
 * once, such as in native memory, and to send many texts in.
 */
export interface Envelope {
  readonly event?: string | undefined;
  /** Ends within a JSON string, which the escaped text goes on with. */
  readonly before: string;
  /** Begins with the quote that ends that string. */
  readonly after: string;
}

/** `data` is `before`, the text escaped for JSON, `after`; with a number, also that and `}`. */
export interface Prepared {
  readonly envelope: Envelope;
  /** Not escaped. */
  readonly text: string;
  /** A whole number, 0 or more. */
  readonly number?: number | undefined;
}

/** A piece of text in an envelope. Its `data` is made when it is asked for. */
export class DeltaEvent implements WireEvent {
  readonly prepared: Prepared;

  constructor(envelope: Envelope, text: string, number?: number) {
    this.prepared = { envelope, text, number };
  }

  get event(): string | undefined {
    return this.prepared.envelope.event;
  }

  get data(): string {
    const { envelope, text, number } = this.prepared;
    const data = envelope.before + escaped(text) + envelope.after;
    return number === undefined ? data : `${data}${number}}`;
  }
}

/** As it stands within a JSON string. */
export function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** An object's JSON, open for more: an envelope's `before` begins so. */
export function opened(fields: object): string {
  return JSON.stringify(fields).slice(0, -1);
}
