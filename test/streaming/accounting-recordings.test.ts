import { describe, expect, it } from "vitest";
import { createMeter, type Part, type Report } from "../../lib/streaming/server.ts";
import { streamOf } from "../adapters/chunking.ts";
import { partsOf } from "../adapters/parts-of.ts";
import { type Recording, readers, recordings } from "../adapters/recordings.ts";
import { saidBySdk } from "../adapters/sdk-answers.ts";

const read = ({ format, bytes }: Recording) => partsOf(readers[format](streamOf([bytes])));

async function metered(parts: Part[]): Promise<Report> {
  const meter = createMeter();
  for (const part of parts) meter.part(part);
  return meter.finish();
}

describe.each(recordings())("$name", (recording) => {
  it("reports what the provider's own SDK reads", async () => {
    const { usage, model } = await saidBySdk(recording);
    const report = await metered(await read(recording));
    expect(report).toMatchObject({ model, status: "finished", estimated: false });
    expect(report.usage).toMatchObject({ inputTokens: usage.input, totalTokens: usage.total });
    // xAI's own figure leaves reasoning out.
    const output = [usage.output, usage.output + (report.usage?.reasoningTokens ?? 0)];
    expect(output).toContain(report.usage?.outputTokens);
  });

  it("estimates a run that was stopped before its end", async () => {
    const parts = await read(recording);
    const cut = parts.slice(0, -2);
    const report = await metered([...cut, { type: "abort" }]);
    expect(report).toMatchObject({ status: "aborted", estimated: true });
    const { usage, finishReason } = await metered(parts);
    const streamed = parts.some(({ type }) => type === "reasoning");
    const hidden = streamed ? 0 : (usage?.reasoningTokens ?? 0);
    const visible = (usage?.outputTokens ?? 0) - hidden;
    const estimate = report.usage?.outputTokens ?? 0;
    expect(estimate).toBeGreaterThan(0);
    expect(estimate).toBeLessThanOrEqual(visible * 1.05);
    // Providers also count what frames a tool call, and what a refusal withheld.
    const tools = parts.some(({ type }) => type === "tool-call-start");
    if (!tools && hidden === 0 && finishReason !== "refusal") {
      expect(estimate).toBeGreaterThanOrEqual(visible * 0.85 - 4);
    }
  });
});
