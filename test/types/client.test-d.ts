import {
  type AnyEventMessage,
  type EventMessage,
  type EventStream,
  openEventStream,
} from "../../lib/client/index.ts";
import { createChannel } from "../../lib/index.ts";
import { type Equal, expectType } from "./expect.ts";

// One map for both ends: the channel that sends, and the stream that receives.
interface ChatEvents {
  message: { text: string };
  joined: { name: string };
  left: null;
}

const channel = createChannel<Record<string, never>, object, ChatEvents>();
channel.broadcast({ name: "ada" }, "joined");
const stream = openEventStream<ChatEvents>("/events");
expectType<Equal<typeof stream, EventStream<ChatEvents>>>(true);

// Listeners know the data of their event.
const off = stream.on("joined", (data, message) => {
  expectType<Equal<typeof data, { name: string }>>(true);
  expectType<Equal<typeof message, EventMessage<ChatEvents, "joined">>>(true);
  expectType<Equal<typeof message.id, string>>(true);
});
expectType<Equal<typeof off, () => void>>(true);
// @ts-expect-error no such event
stream.on("join", () => {});
// @ts-expect-error not the data of left
stream.on("left", (data: string) => data);

// The name tells the type of the data.
function read(message: AnyEventMessage<ChatEvents>) {
  expectType<Equal<typeof message.event, "message" | "joined" | "left">>(true);
  // @ts-expect-error not every event has one
  message.data.name;
  if (message.event === "joined") expectType<Equal<typeof message.data, { name: string }>>(true);
  else if (message.event === "left") expectType<Equal<typeof message.data, null>>(true);
  else expectType<Equal<typeof message.data, { text: string }>>(true);
}
stream.onAny(read);
for await (const message of stream) read(message);

// Events that are not typed have any name, and data to look at first.
const untyped = openEventStream(new URL("http://localhost/"));
untyped.on("anything", (data) => expectType<Equal<typeof data, unknown>>(true));
for await (const { event, data } of untyped) {
  expectType<Equal<[typeof event, typeof data], [string, unknown]>>(true);
}

// State and options.
stream.onState((state, error) => {
  expectType<Equal<typeof state, "connecting" | "open" | "waiting" | "closed">>(true);
  expectType<Equal<typeof error, typeof stream.error>>(true);
});
// @ts-expect-error only the stream changes it
stream.state = "closed";
openEventStream("/", { headers: async (renew) => ({ authorization: renew ? "a" : "b" }) });
openEventStream("/", { method: "POST", body: new URLSearchParams({ room: "1" }), retry: false });
openEventStream("/", {
  fetch: async (url, init) => fetch(url, init),
  retry: { backoff: "linear" },
});
// @ts-expect-error could be sent only once
openEventStream("/", { method: "POST", body: new ReadableStream() });
// @ts-expect-error ms
openEventStream("/", { heartbeatTimeout: "60s" });
// @ts-expect-error no such option
openEventStream("/", { withCredentials: true });
