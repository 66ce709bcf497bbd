import fc from "fast-check";
import type { SeenEvent } from "./harness.ts";

export type Sent = { data: string; event: string; id: string };

/** Pieces that break writers of event streams, between runs of ordinary and of arbitrary text. */
const piece = fc.oneof(
  fc.constantFrom("\n", "\r", "\r\n", "\n\n", "\r\r", "\n\r", " ", "  ", ":", "\t", "\0"),
  fc.constantFrom(
    "data:",
    "data: x",
    "event: evil",
    "id:",
    "id: 9",
    "retry: 1",
    ": c",
    "\nid:evil\n",
  ),
  fc.constantFrom("\u2028", "\u2029", "\u0085", "\u000b", "\u000c", "\u001f", "\u007f", "\ufeff"),
  fc.constantFrom("\ud800", "\udc00", "\udfff\ud800", "🎉", "👩‍👩‍👧", "é", "\ufffd", "\uffff"),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 20 }),
);

const joined = (maxLength: number) =>
  fc.array(piece, { maxLength }).map((pieces) => pieces.join(""));

/** Text of any kind: control characters, lone surrogates, mixed line ends, leading spaces, empty. */
export const anyData = joined(12);

export const anyEvent: fc.Arbitrary<Sent> = fc.record({
  data: anyData,
  event: joined(4),
  id: joined(4),
});

const wellFormed = (text: string) => Buffer.from(text, "utf8").toString("utf8");

/** What a client must see of an event: no loss but of what the protocol cannot carry. */
export function asSeen({ data, event, id }: Sent): SeenEvent {
  const name = wellFormed(event).replace(/[\r\n]/g, "");
  return {
    event: name === "" ? "message" : name,
    id: wellFormed(id).replace(/[\r\n\0]/g, ""),
    data: wellFormed(data).replace(/\r\n?/g, "\n"),
  };
}
