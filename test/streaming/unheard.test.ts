import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { OpenAIAdapter } from "../../lib/adapters/server.ts";
import type { ErrorPart, Part } from "../../lib/streaming/server.ts";
import { eventually, nextTurn, turns, within } from "../e2e/harness.ts";
import { answering, make } from "./generations-setup.ts";
import { serveStreams } from "./streams.ts";
import { start } from "./written.ts";

const now = performance.now.bind(performance);
/** How far the clock that counts the minutes is ahead, in ms. */
let ahead = 0;
const warned = vi.spyOn(process, "emitWarning");

beforeEach(() => {
  // Each test begins a minute after the one before.
  ahead += 60_001;
  vi.spyOn(performance, "now").mockImplementation(() => now() + ahead);
  warned.mockReset().mockReturnValue();
});

afterEach(() => {
  vi.mocked(performance.now).mockRestore();
});

const broken = (message = "no such wire") => {
  throw new Error(message);
};

const told = () => warned.mock.calls.map(([text]) => String(text));

it("tells once of a generation that fails where nobody listens: what failed, and how to listen", async () => {
  await make().start("chat-1", () => broken());
  await eventually(() => warned.mock.calls.length > 0, "a warning");
  expect(warned.mock.calls).toEqual([
    [
      'stream-llm: the source of the generation "chat-1" failed (source-error: reading from the provider failed: no such wire). Pass `onFinish` to createGenerations to hear of each.',
      {
        type: "SseError",
        code: "answer-failed",
        detail: expect.stringContaining("unheard.test.ts"),
      },
    ],
  ]);
});

it("says nothing to who has onFinish, or waits for the end", async () => {
  const onFinish = vi.fn();
  await make({ onFinish }).start("a", () => broken());
  await vi.waitFor(() => expect(onFinish).toHaveBeenCalledTimes(1));
  const { finished } = await make().start("b", () => broken());
  expect((await finished).error?.code).toBe("source-error");
  await turns(3);
  expect(told()).toEqual([]);
});

it("says nothing of answers that are whole, and of those that were stopped", async () => {
  const generations = make();
  await generations.start("a", () => answering("Hi"));
  await generations.start("b", async function* () {
    yield start;
    await new Promise(() => {});
  });
  await generations.stop("b");
  await eventually(() => generations.size === 0, "both ends");
  await turns(3);
  expect(told()).toEqual([]);
});

it("tells once a minute, and then of how many others it did not", async () => {
  const generations = make();
  const failing = async (id: string) => {
    await generations.start(id, () => broken(`broken ${id}`));
    await eventually(() => generations.size === 0, "its end");
    await turns(3);
  };
  for (const id of ["1", "2", "3"]) await failing(id);
  expect(told()).toEqual([expect.stringContaining("broken 1")]);
  ahead += 60_000;
  await failing("4");
  expect(told()).toHaveLength(2);
  expect(told()[1]).toContain("broken 4). 2 more failed since the last such warning. Pass");
});

it("says nothing of a provider's words, which can quote the prompt and name keys, but its codes", async () => {
  const refused = Object.assign(new Error("400 You asked: my secret"), {
    status: 400,
    error: { message: "You asked: my secret", type: "invalid_request_error", code: "bad\nvalue" },
  });
  await make().start("a", () => Promise.reject(refused) as never, { prompt: "my secret" });
  await eventually(() => warned.mock.calls.length > 0, "a warning");
  expect(told()[0]).toContain("failed (invalid-request, 400, invalid_request_error, bad value).");
  expect(JSON.stringify(warned.mock.calls)).not.toContain("secret");
});

it("says what to yield in place of strings", async () => {
  await make().start("a", () => ["Hello ", "there"]);
  await eventually(() => warned.mock.calls.length > 0, "a warning");
  expect(told()[0]).toContain(
    "(unknown-format: the source yields strings that are no event stream;",
  );
  expect(told()[0]).toContain('{ type: "finish", reason: "stop" } last). Pass `onFinish`');
});

it("tells of a long error in one line, cut", async () => {
  await make().start("a", () => broken(`${"long\nwords ".repeat(100)}`));
  await eventually(() => warned.mock.calls.length > 0, "a warning");
  expect(told()[0]).not.toContain("\n");
  expect(told()[0]?.length).toBeLessThan(600);
});

async function piped(parts: Part[], look: (answer: { error?: ErrorPart | undefined }) => void) {
  const { origin, streams } = await serveStreams();
  const body = fetch(origin).then((response) => response.text());
  const stream = await streams.next();
  look(await within(stream.pipe(parts), "answer"));
  await body;
}

const failed: ErrorPart = {
  type: "error",
  code: "overloaded",
  message: "busy",
  retryable: true,
  status: 529,
};

it("tells of a piped answer that failed, unless its caller looks at how it ended", async () => {
  await piped([start, failed], (answer) => expect(answer.error?.code).toBe("overloaded"));
  await piped([start, failed], () => {});
  await eventually(() => warned.mock.calls.length > 0, "a warning");
  expect(told()).toEqual([
    "stream-llm: the source of pipe() failed (overloaded, 529). Look at the `error` of the answer that pipe() resolves with, or pass `onFinish`.",
  ]);
});

it("tells of an adapter's stream that failed, unless it has onFinish", async () => {
  const onFinish = vi.fn();
  await new Response(OpenAIAdapter([start, failed], { onFinish })).text();
  await vi.waitFor(() => expect(onFinish).toHaveBeenCalledTimes(1));
  await nextTurn();
  expect(told()).toEqual([]);
  await new Response(OpenAIAdapter([start, failed])).text();
  expect(told()).toEqual([
    "stream-llm: the source of an adapter failed (overloaded, 529). Pass `onFinish` to the adapter to hear of each.",
  ]);
});
