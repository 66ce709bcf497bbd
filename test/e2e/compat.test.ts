import * as betterSse from "better-sse";
import { describe, expect, it } from "vitest";
import * as streamLlm from "../../lib/index.ts";
import type { Sse } from "./compat-kit.ts";
import { channelApps, otherApps } from "./compat-others.ts";
import { sessionApps } from "./compat-sessions.ts";

const ours = streamLlm as unknown as Sse;

describe.each([
  ["a session", sessionApps],
  ["a channel", channelApps],
  ["what else there is", otherApps],
])("an application written for better-sse that uses %s", (_name, apps) => {
  it.each(Object.entries(apps))("%s, with the same effect here", async (_app, run) => {
    const expected = await run(betterSse);
    const got = await run(ours);
    expect(expected).toBeDefined();
    expect(got).toEqual(expected);
  });
});

describe("the exports of better-sse", () => {
  it("are all here, by the same names and of the same kind", () => {
    const kinds = (module: object) =>
      Object.entries(module).map(([name, value]) => [name, typeof value]);
    expect(kinds(streamLlm)).toEqual(expect.arrayContaining(kinds(betterSse)));
  });

  it("have the documented members", () => {
    const { Session, Channel, EventBuffer, SseError, Connection } = streamLlm;
    const members: [object, string[]][] = [
      [Session, ["push", "stream", "iterate", "batch", "getRequest", "getResponse", "on", "once"]],
      [Channel, ["register", "deregister", "broadcast", "activeSessions", "sessionCount"]],
      [
        EventBuffer,
        ["event", "data", "id", "retry", "comment", "dispatch", "push", "clear", "read"],
      ],
      [SseError, ["message", "name"]],
    ];
    for (const [{ prototype }, names] of members as [{ prototype: object }, string[]][]) {
      for (const name of names) expect(name in prototype, name).toBe(true);
    }
    expect(typeof Connection.applyHeaders).toBe("function");
  });
});
