import type { Report } from "../accounting/index.js";
import type { ErrorPart, Part } from "../parts.js";
import type { Protocol } from "../protocols/index.js";

/** What is known of a generation from its start on, and never changes. All of it has JSON. */
export interface GenerationInfo {
  /** The application's. Another run may have had it before. */
  readonly id: string;
  /** Letters and digits that no other run of this or another id has. */
  readonly run: string;
  readonly protocol: Protocol;
  /** The answer's id as clients see it, where the application gave one. */
  readonly messageId?: string | undefined;
  /** In ms since 1970. */
  readonly startedAt: number;
  /** How long it is to be kept after its end, in ms. */
  readonly ttl: number;
}

/** A generation as a store has it. */
export interface StoredGeneration {
  readonly info: GenerationInfo;
  /** What the producer said at the end. Absent while the run is under way, or when it was lost. */
  readonly report?: Report | undefined;
}

/** The end of a run whose lease has run out. */
export const producerLost: ErrorPart = {
  type: "error",
  code: "producer-lost",
  message: "the process that ran the generation was lost",
  retryable: true,
};

/** The process that runs a generation, as its store calls it. */
export interface GenerationProducer {
  /** Someone asked for the generation's stop, in whichever process. */
  stop(): void;
  /** The lease is lost: nothing more can be appended, and somebody else may have ended the run. */
  lost(): void;
}

/** The right to append to one run. */
export interface GenerationLease {
  /**
   * Appends parts, all or none, behind those of the call before, which has settled. Rejects when
   * that is not possible, and always once the lease is lost.
   *
   * The last part of the last call is a terminal one. From when that is in, the run has ended: the
   * id is free, and the ttl runs.
   */
  append(parts: readonly Part[]): Promise<void>;
  /** Adds the report, some time after the terminal part, and lets go of the lease. */
  end(report: Report): Promise<void>;
  /**
   * Lets go of the lease, in place of `end`, when a call failed or took too long: the run ends as one
   * whose lease has run out, at once where the store can be reached. Not called twice; never throws.
   */
  abandon?(): void;
}

/**
 * Where generations are kept, so that they can be watched from elsewhere and later.
 *
 * What a store guarantees:
 * - One producer: of all calls of `create` for an id, in all processes, one wins while its run is
 *   under way. A lease that its producer's process does not renew runs out; from then on its
 *   `append` rejects (a fencing token).
 * - Order: readers get the parts of a run in the order of `append`, each once, numbered from 0.
 *   None is dropped before the run as a whole is.
 * - An end: a run whose lease has run out gets a terminal part, an `error` with code
 *   `producer-lost`, the same for all readers: `producerLost`.
 * - Time: a run is kept from `create` until its `ttl` after the end, at least where the store is not
 *   full; a store that is full drops runs that have ended, the oldest first.
 * - Parts come back as `JSON.parse(JSON.stringify(part))` would make them, or better.
 *
 * What it need not care for: nothing waits for it but ends of runs, and who starts to watch. A call
 * that takes longer than the generations' `storeTimeout`, or rejects, counts as failed.
 */
export interface GenerationStore {
  /**
   * For how many ms parts may gather before they are appended, so that the work per token does not
   * grow with the provider's pace. Defaults to 0: until the `append` before has settled.
   */
  readonly batchMs?: number | undefined;
  /**
   * How many bytes of parts are appended at once, without waiting for `batchMs`. Defaults to no
   * number of bytes.
   */
  readonly batchBytes?: number | undefined;

  /**
   * Registers a run under its id; one of that id that has ended is dropped for it. Resolves with
   * nothing while another one of the id is under way.
   */
  create(info: GenerationInfo, producer: GenerationProducer): Promise<GenerationLease | undefined>;

  /** The latest run of the id, if it is still kept. */
  find(id: string): Promise<StoredGeneration | undefined>;

  /**
   * The parts of a run from number `from` on, as many as are there. Where there are none and a
   * signal is given, waits for some, and resolves with none when the signal aborts. Resolves with
   * nothing when the run is not kept any more.
   */
  read(
    info: GenerationInfo,
    from: number,
    signal?: AbortSignal,
  ): Promise<readonly Part[] | undefined>;

  /**
   * Asks the producer of a run to stop, wherever it is. Resolves with whether this is the first
   * time, and the run was under way.
   */
  stop(info: GenerationInfo): Promise<boolean>;
}
