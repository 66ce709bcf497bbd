import { createResponse, type Session, type SessionOptions } from "../../lib/index.ts";
import { nextTurn, within } from "../e2e/harness.ts";

/** A connected session over Fetch of a client that says it got `lastId` last. */
async function connect(lastId: string, options: SessionOptions) {
  const made: { response?: Response } = {};
  const headers: HeadersInit = lastId === "" ? {} : { "Last-Event-ID": lastId };
  const connected = new Promise<Session>((resolve) => {
    const all = { retry: null, keepAlive: null, ...options };
    made.response = createResponse(new Request("http://localhost/", { headers }), all, resolve);
  });
  const { body } = made.response as Response;
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  return { reader, connected };
}

/** A session, and what its body holds once it has ended: of a client that reads all. */
export async function openSession(lastId = "", options: SessionOptions = {}) {
  const { reader, connected } = await connect(lastId, options);
  const text = (async () => {
    const decoder = new TextDecoder();
    let read = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return read;
      read += decoder.decode(value, { stream: true });
    }
  })();
  const session = await within(connected, "session");
  const body = async () => {
    await session.close();
    return text;
  };
  return { session, body };
}

/** A session of a client that reads only when it is told to. */
export async function openStalled(lastId = "", options: SessionOptions = {}) {
  const { reader, connected } = await connect(lastId, options);
  const decoder = new TextDecoder();
  let text = "";
  let pending = reader.read();
  const session = await within(connected, "session");
  /** Reads once; returns whether there was something. */
  const read = async () => {
    const { done, value } = await within(pending, "bytes");
    if (done) return false;
    text += decoder.decode(value, { stream: true });
    pending = reader.read();
    return true;
  };
  return {
    session,
    read,
    /** What was read so far. */
    get text() {
      return text;
    },
    /** Reads if something comes within a few turns. Returns whether it did. */
    async readIfAny() {
      let isThere = false;
      const notice = () => {
        isThere = true;
      };
      pending.then(notice, notice);
      for (let turn = 0; turn < 5 && !isThere; turn++) await nextTurn();
      return isThere && (await read());
    },
    /** Reads until all that was read includes `end`; returns it. */
    async until(end: string) {
      while (!text.includes(end)) if (!(await read())) break;
      return text;
    },
    /** Goes away. */
    cancel: () => reader.cancel(),
  };
}

/** An event in event stream syntax. */
export const event = (id: string, data: unknown = id) =>
  `id:${id}\ndata:${JSON.stringify(data)}\n\n`;

export const gapEvent = (reason: string, oldest: string | null) =>
  `event:gap\ndata:${JSON.stringify({ reason, oldest })}\n\n`;
