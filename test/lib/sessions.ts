import { createResponse, type Session, type SessionOptions } from "../../lib/index.ts";

/** A connected session over Fetch, and what its body holds once it has ended. */
export async function openSession(lastId = "", options: SessionOptions = {}) {
  const made: { response?: Response } = {};
  const headers: HeadersInit = lastId === "" ? {} : { "Last-Event-ID": lastId };
  const connected = new Promise<Session>((resolve) => {
    const all = { retry: null, keepAlive: null, ...options };
    made.response = createResponse(new Request("http://localhost/", { headers }), all, resolve);
  });
  const text = (made.response as Response).text();
  const session = await connected;
  const body = async () => {
    await session.close();
    return text;
  };
  return { session, body };
}
