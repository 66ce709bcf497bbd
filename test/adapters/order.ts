import { expect } from "vitest";
import type { Part } from "../../lib/streaming/index.ts";

/** What every reader promises of its parts, whatever the provider sent. */
export function expectOrder(parts: Part[]): void {
  const terminal = parts.filter(({ type }) => ["finish", "error", "abort"].includes(type));
  expect(terminal).toEqual([parts.at(-1)]);
  const starts = parts.filter(({ type }) => type === "start");
  expect(starts.length).toBeLessThanOrEqual(1);
  if (starts.length > 0) expect(parts[0]?.type).toBe("start");
  const usages = parts.flatMap(({ type }, index) => (type === "usage" ? [index] : []));
  expect(usages.length === 0 || usages.join() === `${parts.length - 2}`).toBe(true);
  expectCalls(parts);
  for (const part of parts) expectWellTyped(part);
}

/** Each call starts once, with an id of its own; its deltas are its arguments. */
function expectCalls(parts: Part[]): void {
  const open = new Map<string, string>();
  const seen = new Set<string>();
  let index = 0;
  for (const part of parts) {
    if (part.type === "tool-call-start") {
      expect(seen.has(part.id)).toBe(false);
      expect(part.index).toBe(index++);
      seen.add(part.id);
      open.set(part.id, "");
    } else if (part.type === "tool-call-delta") {
      expect(part.delta).not.toBe("");
      expect(open.has(part.id)).toBe(true);
      open.set(part.id, open.get(part.id) + part.delta);
    } else if (part.type === "tool-call") {
      expect(part.arguments).toBe(open.get(part.id));
      open.delete(part.id);
    }
  }
}

function expectWellTyped(part: Part): void {
  if (part.type === "text" || part.type === "refusal") expect(part.text.length).toBeGreaterThan(0);
  if (part.type === "reasoning") expect(typeof part.text).toBe("string");
  if (part.type === "error") {
    expect(part.message.length).toBeGreaterThan(0);
    expect(part.message.length).toBeLessThanOrEqual(4096);
    expect(typeof part.retryable).toBe("boolean");
  }
  if (part.type === "usage") {
    const { inputTokens, outputTokens, totalTokens } = part.usage;
    expect([inputTokens, outputTokens, totalTokens].every(Number.isFinite)).toBe(true);
  }
}
