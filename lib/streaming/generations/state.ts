import type { Report } from "../accounting/index.js";
import { Answer } from "../answer.js";
import type { Part } from "../parts.js";
import type { Protocol } from "../protocols/index.js";
import type { GenerationInfo, StoredGeneration } from "./store.js";

/** A generation as far as it has come, with its figures: `status`, `usage`, `timings`, `cost`… */
export interface GenerationState extends Report {
  id: string;
  protocol: Protocol;
  /** The answer's id as clients see it; under this one to save it. Absent until the provider speaks. */
  messageId: string | undefined;
  /** So far. */
  text: string;
  /** The answer as the fewest parts that say the same: reasoning, tool calls and all. */
  parts: Part[];
}

export function stateOf(info: GenerationInfo, answer: Answer, report: Report): GenerationState {
  const { id, protocol, messageId = answer.id } = info;
  const { text } = answer;
  return { ...report, id, protocol, messageId, text, parts: answer.parts() };
}

/** What a store has of a generation whose producer is elsewhere, or was here. */
export function storedState(
  { info, report }: StoredGeneration,
  parts: readonly Part[],
): GenerationState {
  const answer = new Answer({ maxChars: Number.POSITIVE_INFINITY });
  for (const part of parts) answer.add(part);
  return stateOf(info, answer, report ?? unreported(info, answer));
}

/** The report of a run that has not ended, or whose producer did not come to report. */
function unreported({ startedAt }: GenerationInfo, answer: Answer): Report {
  const { model, finishReason, error, usage, terminal } = answer;
  const statuses = { finish: "finished", error: "failed", abort: "aborted" } as const;
  return {
    model,
    status: terminal ? statuses[terminal.type] : "running",
    finishReason: terminal?.type === "finish" ? finishReason : undefined,
    error,
    usage,
    estimated: false,
    timings: {
      startedAt,
      timeToFirstToken: undefined,
      // By the clocks of two processes.
      total: Math.max(Date.now() - startedAt, 0),
      tokensPerSecond: undefined,
    },
    cost: undefined,
  };
}
