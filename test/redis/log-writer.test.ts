import { expect, it } from "vitest";
import type { SseError } from "../../lib/errors.ts";
import { type Batch, Budget, LogWriter, type WriterLink } from "../../lib/redis/log-writer.ts";

/** A log that answers when the test says so, and what it was sent. */
class Link implements WriterLink {
  readonly isReady = true;
  readonly failures: SseError[] = [];
  readonly sent: Batch[] = [];
  readonly #answers: { written(number: number): void; failed(error: Error): void }[] = [];

  append(batch: Batch): Promise<unknown> {
    this.sent.push(batch);
    return new Promise((written, failed) => this.#answers.push({ written, failed }));
  }

  /** The writer is flushed by the test. */
  schedule() {}

  onFailure(error: SseError) {
    this.failures.push(error);
  }

  /** Answers the oldest batch: with the number of the last event that the log has, or an error. */
  async answer(answer: number | Error) {
    const { written, failed } = this.#answers.shift() ?? expect.fail("no batch is under way");
    if (answer instanceof Error) failed(answer);
    else written(answer);
    await new Promise(setImmediate);
  }
}

const refusal = new Error("WRONGTYPE Operation against a key holding the wrong kind of value");

function openWriter() {
  const link = new Link();
  const writer = new LogWriter(link, new Budget(100, 10_000));
  writer.open();
  /** Each in a batch of its own. Returns how waiting for it ends: "waits" so far. */
  const append = (data: string, isAwaited = true) => {
    writer.append("message", data);
    writer.flush();
    const outcome = { is: "waits" };
    if (!isAwaited) return outcome;
    const end = (is: string) => () => {
      outcome.is = is;
    };
    writer.published().then(end("written"), end("rejected"));
    return outcome;
  };
  return { link, writer, append };
}

it("who waits is told when what was appended up to then is written, and not before", async () => {
  const { link, append } = openWriter();
  const [one, two] = [append("one"), append("two")];
  await link.answer(1);
  expect([one.is, two.is]).toEqual(["written", "waits"]);
  await link.answer(2);
  expect(two.is).toBe("written");
});

it("what is given up is told to all that wait for it, with or without later events", async () => {
  const { link, writer, append } = openWriter();
  const [one, two] = [append("one"), append("two")];
  await link.answer(refusal);
  expect([one.is, two.is]).toEqual(["rejected", "rejected"]);
  expect(link.failures).toMatchObject([{ code: "backplane-unavailable", cause: refusal }]);
  // The second event waits on, and so does who asks from here on.
  const later = writer.published();
  expect(writer.size).toBe(1);
  await link.answer(2);
  await later;
  expect(writer.size).toBe(0);
  await writer.published();
});

it("what is given up while nobody waits is told to who asks next, once", async () => {
  const { link, writer, append } = openWriter();
  append("one", false);
  await link.answer(refusal);
  await expect(writer.published()).rejects.toMatchObject({ code: "backplane-unavailable" });
  await writer.published();
});

it("of two parts that are given up, each is told of", async () => {
  const { link, writer, append } = openWriter();
  const [one, two] = [append("one"), append("two")];
  await link.answer(refusal);
  expect([one.is, two.is]).toEqual(["rejected", "rejected"]);
  await link.answer(refusal);
  writer.flush();
  expect(link.sent.at(-1)).toMatchObject({ first: 2, texts: ["message", "two"] });
  await link.answer(refusal);
  expect(writer.size).toBe(0);
  await expect(writer.published()).rejects.toMatchObject({ code: "backplane-unavailable" });
});

it("the end waits for what is under way, though something was given up that nobody asked about", async () => {
  const { link, writer, append } = openWriter();
  append("one", false);
  await link.answer(refusal);
  append("two", false);
  let isEnded = false;
  const end = writer.end().then(() => {
    isEnded = true;
  });
  await new Promise(setImmediate);
  expect(isEnded).toBe(false);
  await link.answer(2);
  await end;
  await expect(writer.published()).rejects.toMatchObject({ code: "backplane-unavailable" });
});

it("of a batch that fails in its middle only the rest is given up, and that many are told of", async () => {
  const { link, writer } = openWriter();
  for (const data of ["one", "two", "three"]) writer.append("message", data);
  writer.flush();
  const published = writer.published();
  published.catch(() => {});
  await link.answer(1);
  expect(link.failures).toEqual([]);
  writer.flush();
  expect(link.sent.at(-1)).toMatchObject({
    first: 2,
    settled: 1,
    texts: ["message", "two", "message", "three"],
  });
  await link.answer(refusal);
  await expect(published).rejects.toMatchObject({
    message: expect.stringMatching(/\. Broadcasts that were sent to nobody: 2\.$/),
  });
  expect(link.failures).toHaveLength(1);
  expect(writer.size).toBe(0);
});

it("what was under way behind a batch that failed in its middle is sent again behind the rest", async () => {
  const { link, writer } = openWriter();
  for (const data of ["one", "two"]) writer.append("message", data);
  writer.flush();
  writer.append("message", "three");
  writer.flush();
  await link.answer(1);
  // Nothing is sent before all answers have come.
  writer.flush();
  expect(link.sent).toHaveLength(2);
  await link.answer(new Error("ORDER an earlier batch is missing"));
  writer.flush();
  expect(link.sent.at(-1)).toMatchObject({
    first: 2,
    texts: ["message", "two", "message", "three"],
  });
  await link.answer(3);
  await writer.published();
  expect(link.failures).toEqual([]);
});
