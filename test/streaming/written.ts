import {
  createProtocolWriter,
  type Part,
  type Protocol,
  type WriterOptions,
} from "../../lib/streaming/index.ts";

export const start: Part = {
  type: "start",
  id: "a1",
  model: "m",
  created: 1,
  format: "anthropic",
};
export const finish: Part = { type: "finish", reason: "stop" };

/** What a writer makes of parts: `event data`, or the data alone. */
export function written(protocol: Protocol, parts: Part[], options?: WriterOptions): string[] {
  const writer = createProtocolWriter(protocol, options);
  return parts
    .flatMap((part) => writer.write(part))
    .map(({ event, data }) => (event === undefined ? data : `${event} ${data}`));
}

/** The same, each event's data parsed. */
// biome-ignore lint/suspicious/noExplicitAny: what a test expects says what it is
export function writtenJson(protocol: Protocol, parts: Part[], options?: WriterOptions): any[] {
  const writer = createProtocolWriter(protocol, options);
  return parts
    .flatMap((part) => writer.write(part))
    .filter(({ data }) => data !== "[DONE]")
    .map(({ data }) => JSON.parse(data));
}
