import {
  type SSEStreamState,
  useChannel,
  useSSEStream,
  useStreamingChat,
} from "../../lib/react/index.ts";
import { type Equal, expectType } from "./expect.ts";

interface RoomEvents {
  joined: { name: string };
  topic: string;
}

/** Hooks are only to be called in components. */
export function Component() {
  // Listeners and the last event have the data of their events.
  const { last } = useChannel<RoomEvents>("/room", {
    on: {
      joined: ({ name }, { id }) => expectType<string>(name + id),
      topic: (topic) => expectType<Equal<typeof topic, string>>(true),
    },
    onAny: (message) => {
      if (message.event === "joined") expectType<string>(message.data.name);
    },
  });
  if (last?.event === "topic") expectType<string>(last.data);
  // @ts-expect-error no such event
  useChannel<RoomEvents>("/room", { on: { left: () => {} } });
  // @ts-expect-error not the data of the event
  useChannel<RoomEvents>("/room", { on: { topic: (topic: number) => topic } });
  // @ts-expect-error the component ends the stream
  useChannel<RoomEvents>("/room", { signal: AbortSignal.abort() });

  // Events that have not been typed.
  useChannel("/room", { on: { anything: (data) => expectType<unknown>(data) } });

  // No url yet.
  useSSEStream(null);
  useChannel<RoomEvents>(undefined);
  const text = useSSEStream("/text", { text: (data, event) => (event === "end" ? null : data) });
  expectType<string>(text.content);
  // @ts-expect-error states are not to be changed
  text.content = "";
  expectType<Equal<SSEStreamState["isDone"], boolean>>(true);

  const { send, messages } = useStreamingChat({ endpoint: "/api/chat", id: "c1", resume: true });
  expectType<Promise<{ content: string }>>(send("Hello?"));
  // @ts-expect-error messages are not to be changed
  messages.push({ role: "user", content: "" });
  // @ts-expect-error an endpoint is needed
  useStreamingChat({});
}
