/**
 * Event names and their payloads, as types: what a server sends and a browser listens for. Nothing
 * here refers to the server, so that a browser's code can import it.
 *
 *     interface ChatEvents { token: { text: string }; done: Record<string, never> }
 *     const session = await createSession<State, ChatEvents>(req, res);
 *     session.push({ text: "Hi" }, "token");
 */

/** Any name, any payload: events that have not been typed. */
export interface DefaultEvents {
  [eventName: string]: unknown;
}

/** The names that `Events` has. */
export type EventName<Events> = keyof Events & string;

/** The name of an event that is sent without one: `"message"`, when `Events` has it. */
export type DefaultEventName<Events> = EventName<Events> & "message";
