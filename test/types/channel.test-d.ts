import {
  Channel,
  createChannel,
  createEventBuffer,
  createSession,
  type DefaultChannelState,
  type Session,
} from "../../lib/index.ts";
import { type Equal, expectType } from "./expect.ts";

interface Room {
  topic: string;
}

interface User {
  name: string;
}

interface Events {
  joined: { name: string };
  left: { name: string };
}

declare const session: Session;
declare const userSession: Session<User>;
declare const typedSession: Session<User, Events>;

// State.
const untyped = createChannel();
expectType<Equal<typeof untyped.state, DefaultChannelState>>(true);
const room = createChannel<Room, User>({ state: { topic: "news" } });
expectType<Equal<typeof room.state, Room>>(true);
expectType<Equal<typeof room, Channel<Room, User>>>(true);
// @ts-expect-error not of the type given
createChannel<Room>({ state: { topic: 1 } });
// @ts-expect-error no such option
createChannel({ stat: {} });

// Sessions have the state that the channel asks for.
untyped.register(session).deregister(session);
room.register(userSession).register(typedSession);
// @ts-expect-error another state
room.register({} as Session<{ age: number }>);
expectType<Equal<(typeof room)["activeSessions"][number]["state"], User>>(true);
expectType<Equal<typeof room.sessionCount, number>>(true);

// Events that are not typed take everything.
untyped.broadcast(1).broadcast("x", "name").broadcast(null, "name", { eventId: "1" });
room.broadcast("x", "name", { filter: ({ state }) => state.name === "ada" });
// @ts-expect-error no such state
room.broadcast("x", "name", { filter: ({ state }) => state.age });
// @ts-expect-error ids are strings
untyped.broadcast(1, "name", { eventId: 1 });

// Typed events are checked.
const chat = createChannel<Room, User, Events>();
chat.register(userSession).register(typedSession);
chat.broadcast({ name: "ada" }, "joined");
// @ts-expect-error not the payload of joined
chat.broadcast({ nam: "ada" }, "joined");
// @ts-expect-error no such event
chat.broadcast({ name: "ada" }, "join");
// @ts-expect-error no event named message
chat.broadcast({ name: "ada" });
const { broadcast } = chat;
expectType<Equal<ReturnType<typeof broadcast>, Channel<Room, User, Events>>>(true);

// Listeners.
chat.on("session-registered", (each) => {
  expectType<Equal<typeof each, Session<User>>>(true);
});
chat.on("broadcast", (data, name, id) => {
  expectType<Equal<[typeof data, typeof name, typeof id], [unknown, string, string]>>(true);
});
// @ts-expect-error not what is passed
chat.on("session-deregistered", (each: string) => each);

// A subclass keeps them.
class Lobby extends Channel<Room, User, Events> {
  greet(): this {
    return this.broadcast({ name: this.state.topic }, "joined");
  }
}
new Lobby().greet().register(await createSession<User>(new Request("http://localhost/")));

// Event buffers.
createEventBuffer().event("e").id().id("1").data({}).retry(1).comment().comment("c").dispatch();
expectType<Equal<ReturnType<ReturnType<typeof createEventBuffer>["read"]>, string>>(true);
// @ts-expect-error ms
createEventBuffer().retry("1");
