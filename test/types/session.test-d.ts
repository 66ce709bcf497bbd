import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import {
  type Connection,
  createSession,
  type DefaultSessionState,
  type Disconnection,
  type EventBuffer,
  Session,
  type SessionOptions,
} from "../../lib/index.ts";
import { type Equal, expectType } from "./expect.ts";

declare const req: IncomingMessage;
declare const res: ServerResponse;
declare const req2: Http2ServerRequest;
declare const res2: Http2ServerResponse;
declare const request: Request;
declare const connection: Connection;

interface State {
  userId: string;
}

interface Events {
  token: { text: string };
  done: null;
}

interface MessageEvents extends Events {
  message: number;
}

// Every pair of objects, and nothing else.
await createSession(req, res);
await createSession(req, res, { retry: null });
await createSession(req2, res2, { retry: 1 });
await createSession(request);
await createSession(request, { keepAlive: null });
await createSession(request, new Response());
await createSession(request, null, { keepAlive: 1 });
await createSession(connection, { eventId: null });
new Session(req, res, { transport: "stream" });
// @ts-expect-error a Node request needs its response
await createSession(req);
// @ts-expect-error not of the same API
await createSession(req, res2);
// @ts-expect-error not of the same API
await createSession(req, new Response());

// Options.
const options: SessionOptions = {
  headers: { "x-one": "1", "x-many": ["1", "2"], "x-none": undefined },
  slowConsumer: "drop-oldest",
};
await createSession(req, res, options);
await createSession(req, res, { headers: new Headers() });
// @ts-expect-error no such policy
await createSession(req, res, { slowConsumer: "wait" });
// @ts-expect-error ms
await createSession(req, res, { keepAlive: "10s" });
// @ts-expect-error no such option
await createSession(req, res, { keepalive: 10 });
// @ts-expect-error must return a string
await createSession(req, res, { serializer: () => 1 });

// State.
const untyped = await createSession(req, res);
expectType<Equal<typeof untyped.state, DefaultSessionState>>(true);
const stateful = await createSession<State>(req, res, { state: { userId: "ada" } });
expectType<Equal<typeof stateful.state, State>>(true);
expectType<Equal<typeof stateful, Session<State>>>(true);
stateful.state = { userId: "bob" };
// @ts-expect-error not of the type given
await createSession<State>(req, res, { state: { userId: 1 } });
const inferred = await createSession(req, res, { state: { count: 1 } });
expectType<Equal<typeof inferred.state, { count: number }>>(true);

// Events that are not typed take everything.
untyped.push(1).push("x", "name").push(null, "name", "id").push({ a: [] }, undefined, "id");
// @ts-expect-error names are strings
untyped.push(1, 2);
// @ts-expect-error ids are strings
untyped.push(1, "name", 2);

// Typed events are checked.
const typed = await createSession<State, Events>(req, res);
typed.push({ text: "Hi" }, "token").push(null, "done", "id");
// @ts-expect-error not the payload of token
typed.push({ txt: "Hi" }, "token");
// @ts-expect-error not the payload of done
typed.push({ text: "Hi" }, "done");
// @ts-expect-error no such event
typed.push({ text: "Hi" }, "tokens");
// @ts-expect-error no event named message
typed.push({ text: "Hi" });
const withMessage = await createSession<State, MessageEvents>(req, res);
withMessage.push(1);
// @ts-expect-error not the payload of message
withMessage.push("1");

// Methods return what they are documented to, also when taken off.
const { push, batch } = typed;
expectType<Equal<ReturnType<typeof push>, Session<State, Events>>>(true);
await batch(async (buffer) => {
  expectType<Equal<typeof buffer, EventBuffer>>(true);
});
expectType<Equal<ReturnType<typeof typed.close>, Promise<void>>>(true);
expectType<Equal<ReturnType<typeof typed.drained>, Promise<void>>>(true);
expectType<Equal<typeof typed.signal, AbortSignal>>(true);
expectType<Equal<typeof typed.transport, "stream" | "socket">>(true);
expectType<Equal<ReturnType<typeof typed.getRequest>, Request>>(true);
expectType<Equal<ReturnType<typeof typed.getResponse>, Response>>(true);

// Properties that only say something.
// @ts-expect-error read only
typed.lastId = "1";
// @ts-expect-error read only
typed.isConnected = false;

// Listeners.
typed.on("connected", () => {});
typed.once("disconnected", (event) => {
  expectType<Equal<typeof event, Disconnection>>(true);
});
typed.on("dropped", ({ count }) => {
  expectType<Equal<typeof count, number>>(true);
});
typed.on("push", (data, eventName, eventId) => {
  expectType<Equal<[typeof data, typeof eventName, typeof eventId], [unknown, string, string]>>(
    true,
  );
});
typed.on("an event of the application's own", (..._args) => {});
// @ts-expect-error not what is passed
typed.on("dropped", (count: string) => count);

// Streams and iterables.
declare const numbers: AsyncIterable<number>;
await typed.iterate(numbers, { eventName: "token", transform: (n) => ({ text: n.toFixed() }) });
await typed.iterate([1, 2], { transform: (n) => n.toFixed() });
await typed.iterate([Promise.resolve(1)], { transform: (n) => n.toFixed() });
// @ts-expect-error no such event
await typed.iterate(numbers, { eventName: "tokens" });
// @ts-expect-error numbers have no length
await typed.iterate(numbers, { transform: (n) => n.length });
const whole: boolean = await typed.stream(new ReadableStream<string>(), {
  transform: (chunk) => chunk.length,
});
void whole;
