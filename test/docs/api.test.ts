import { expect } from "vitest";
import { testSnippets } from "./document.ts";
import { openStream, readEvents } from "./programs.ts";

const data = (events: { data: string }[]) => events.map((event) => JSON.parse(event.data));

testSnippets("docs/api.md", {
  async "create-response"(start) {
    const { response, events } = await readEvents(await start().origin());
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(data(events)).toEqual(["one", "two", "three"]);
    expect(events.map(({ event }) => event)).toEqual(["iteration", "iteration", "iteration"]);
  },

  async stream(start) {
    const origin = await start().origin();
    const { events } = await readEvents(`${origin}/sse`, 5);
    expect(events.every(({ event }) => event === "part")).toBe(true);
    expect(data(events).join("")).toContain('"NAME": "STREAM-LLM"');
  },

  async batch(start) {
    const { events } = await readEvents(`${await start().origin()}/sse`, 4);
    expect(data(events)).toEqual(["one", "two", "three", "four"]);
  },

  async "shut-down"(start) {
    const program = start();
    const { events } = await readEvents(`${await program.origin()}/sse`);
    expect(events).toMatchObject([{ data: '"Hello"' }, { event: "moved", data: '"/other-room"' }]);
    await program.printed("{ sessions: 0, broadcasts: 2, recipients: 2 }");
  },

  async "engine-stats"(start) {
    const program = start();
    await openStream(`${await program.origin()}/sse`);
    await program.printed("0 clients were too slow");
  },

  async "typed-session"(start) {
    const { events } = await readEvents(await start().origin(), 2);
    expect(events).toMatchObject([
      { event: "step", data: '{"done":1,"of":2}' },
      { event: "finished", data: '"It is done."' },
    ]);
  },

  async "event-buffer"(start) {
    expect(await start().finished()).toBe(
      'event:token\nid:7\ndata:" world"\n\nretry:5000\n:two lines\n:of comment\n\n\n',
    );
  },

  async "custom-connection"(start) {
    expect(await start().finished()).toBe(
      '200 text/event-stream\nevent:greeting\nid:1\ndata:"Hello"\n\n\nbye\n',
    );
  },

  async "default-state"(start) {
    const { events } = await readEvents(await start().origin(), 1);
    expect(data(events)).toEqual(["ADA"]);
  },
});
