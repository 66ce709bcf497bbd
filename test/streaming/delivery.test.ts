import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  Channel,
  Connection,
  createSession,
  type Session,
  type SessionOptions,
} from "../../lib/index.ts";
import { broadcastEvent, sendEvent } from "../../lib/streaming/delivery.ts";
import { DeltaEvent, type WireEvent } from "../../lib/streaming/protocols/wire-event.ts";
import { anyData } from "../e2e/arbitraries.ts";
import { RawClient } from "../e2e/harness.ts";
import { serveSessions } from "../e2e/serve.ts";

const quiet: SessionOptions = { retry: null, keepAlive: null, eventId: null };
const chat = { before: '{"choices":[{"delta":{"content":"', after: '"}}]}' };
const named = { event: "response.output_text.delta", before: '{"delta":"', after: '","n":' };
const foreign = { event: "message", before: ' {"é🎉\ud800":"', after: '"}' };

const anyDelta = fc.oneof(
  anyData.map((text) => new DeltaEvent(chat, text)),
  fc.tuple(anyData, fc.maxSafeNat()).map(([text, n]) => new DeltaEvent(named, text, n)),
  anyData.map((text) => new DeltaEvent(foreign, text)),
);
const anySent = fc.tuple(anyDelta, fc.option(fc.string(), { nil: undefined }));

const every = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit)).join("");
const long = [every, "x".repeat(1 << 20), '"\n🌍'.repeat(1 << 18), "\u0000".repeat(1000)];

/** Keeps what it is given. */
class OwnConnection extends Connection {
  url = new URL("http://localhost/");
  request = new Request(this.url);
  response = new Response();
  readonly log: string[] = [];
  sendHead(): void {
    this.log.push("head");
  }
  sendChunk(chunk: string): void {
    this.log.push(chunk);
  }
  cleanup(): void {}
}

const plain = ({ event, data }: WireEvent): WireEvent => ({ event, data });
const textChannel = () => new Channel({ serializer: String, eventId: null });

/** Throws when somebody asks for its data. */
function withoutData(text: string): WireEvent {
  const { event, prepared } = new DeltaEvent(named, text, 7);
  const data = () => {
    throw new Error("the data was made");
  };
  return Object.defineProperty({ event, prepared }, "data", { get: data }) as WireEvent;
}

describe.each(["socket", "stream"] as const)("on the lane %s", (lane) => {
  const transport = lane === "socket" ? "auto" : "stream";

  /** What a client gets of a session until it is closed. */
  async function received(use: (session: Session) => void): Promise<Buffer> {
    const server = await serveSessions({ ...quiet, transport, maxBufferedBytes: 1 << 26 });
    const client = await RawClient.get(server.port, "/");
    const session = await server.sessions.next("session");
    expect(session.transport).toBe(lane);
    use(session);
    await session.close();
    await client.bodyIsWhole();
    await client.destroy();
    return client.responses[0]?.body ?? Buffer.alloc(0);
  }

  type Sent = [event: WireEvent, id: string | undefined];
  const ways: [string, (session: Session, events: Sent[]) => void][] = [
    [
      "session",
      (session, events) => {
        for (const [event, id] of events) sendEvent(session as Session<never>, event, id);
      },
    ],
    [
      "channel",
      (session, events) => {
        const channel = textChannel().register(session);
        for (const [event, id] of events) broadcastEvent(channel, event, id);
      },
    ],
  ];

  it.each(ways)("a %s gets text in an envelope as the bytes of its data", async (_, send) => {
    const check = fc.asyncProperty(fc.array(anySent, { maxLength: 20 }), async (events) => {
      const wholly = events.map(([event, id]): Sent => [plain(event), id]);
      const enclosed = await received((session) => send(session, events));
      const whole = await received((session) => send(session, wholly));
      expect(enclosed.equals(whole)).toBe(true);
    });
    await fc.assert(check, { numRuns: 30 });
  });

  it.each(ways)("a %s gets long text, and every UTF-16 unit, in an envelope", async (_, send) => {
    const events = long.map((text, n): Sent => [new DeltaEvent(named, text, n), "1"]);
    const wholly = events.map(([event, id]): Sent => [plain(event), id]);
    const enclosed = await received((session) => send(session, events));
    const whole = await received((session) => send(session, wholly));
    expect(whole.length).toBeGreaterThan(1 << 21);
    expect(enclosed.equals(whole)).toBe(true);
  });

  it.each(ways)("nothing is made of a %s's data but in the engine", async (_, send) => {
    const body = await received((session) => send(session, [[withoutData("a\nb"), "x"]]));
    const data = '{"delta":"a\\nb","n":7}';
    expect(body.toString()).toBe(`event:${named.event}\nid:x\ndata:${data}\n\n`);
  });
});

describe("text in an envelope", () => {
  it("goes through a sanitizer whole", async () => {
    const connection = new OwnConnection();
    const sanitizer = (text: string) => text.replaceAll("i", "o");
    const session = await createSession(connection, { ...quiet, sanitizer });
    sendEvent(session as Session<never>, new DeltaEvent(chat, "Hi"));
    const channel = new Channel({ serializer: String, sanitizer, eventId: null });
    broadcastEvent(channel.register(session), new DeltaEvent(chat, "Hi"));
    const event = 'data:{"chooces":[{"delta":{"content":"Ho"}}]}\n\n';
    expect(connection.log.slice(1)).toEqual([event, event]);
    await session.close();
  });

  it("reaches sessions that want each event at once", async () => {
    const connections = [new OwnConnection(), new OwnConnection()];
    const channel = textChannel();
    for (const connection of connections) {
      channel.register(await createSession(connection, quiet));
    }
    broadcastEvent(channel, withoutData("x"), "1");
    const event = `event:${named.event}\nid:1\ndata:{"delta":"x","n":7}\n\n`;
    for (const { log } of connections) expect(log.slice(1)).toEqual([event]);
    expect(channel.stats()).toEqual({ sessions: 2, broadcasts: 1, recipients: 2 });
    for (const session of channel.activeSessions) {
      expect(session.lastId).toBe("1");
      await session.close();
    }
  });

  it("is data to those who listen", async () => {
    const session = await createSession(new OwnConnection(), quiet);
    const heard: unknown[][] = [];
    const channel = textChannel().register(session);
    session.on("push", (...event) => heard.push(event));
    channel.on("broadcast", (...event) => heard.push(event));
    broadcastEvent(channel, new DeltaEvent(chat, "é"), "1");
    const data = '{"choices":[{"delta":{"content":"é"}}]}';
    expect(heard).toEqual([
      [data, "message", "1"],
      [data, "message", "1"],
    ]);
    await session.close();
  });

  it("does nothing for a session that has gone", async () => {
    const session = await createSession(new OwnConnection(), quiet);
    const channel = textChannel().register(session);
    await session.close();
    sendEvent(session as Session<never>, withoutData("x"));
    broadcastEvent(channel, withoutData("x"));
  });

  it.each([
    ["before", { before: '{"a\nid:9":"', after: '"}' }],
    ["after", { before: '{"a":"', after: '"\r}' }],
    ["nothing", { before: "", after: '"}' }],
  ])("refuses an envelope that could forge a field, by its %s", async (_, envelope) => {
    const connection = new OwnConnection();
    const session = await createSession(connection, quiet);
    expect(() => sendEvent(session as Session<never>, new DeltaEvent(envelope, "x"))).toThrow(
      TypeError,
    );
    expect(connection.log).toEqual(["head"]);
    await session.close();
  });
});
