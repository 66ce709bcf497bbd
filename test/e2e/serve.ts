import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createSession, type Session, type SessionOptions } from "../../lib/index.ts";
import { listen, Queue, sessionOptions } from "./harness.ts";

export type Disconnect = { reason: string; error?: Error };

/** A node:http server that makes a session of every request and hands it out. */
export async function serveSessions(
  options: SessionOptions = {},
  before: (req: IncomingMessage, res: ServerResponse) => unknown = () => {},
) {
  const sessions = new Queue<Session>();
  const responses: ServerResponse[] = [];
  const disconnects = new Queue<Disconnect>();
  const errors = new Queue<Error & { code?: string }>();
  const server = createServer(async (req, res) => {
    try {
      await before(req, res);
      const session = await createSession(req, res, sessionOptions(options));
      session.on("disconnected", (how) => disconnects.put(how));
      responses.push(res);
      sessions.put(session);
    } catch (error) {
      errors.put(error as Error);
      if (!res.headersSent) res.writeHead(500);
      res.end();
    }
  });
  return { ...(await listen(server)), server, sessions, responses, disconnects, errors };
}
