import { expect } from "vitest";
import { testSnippets } from "./document.ts";
import { openStream, readEvents } from "./programs.ts";

const say = async (origin: string, text: string) => {
  const headers = { "Content-Type": "text/plain" };
  await fetch(`${origin}/news`, { method: "POST", headers, body: text });
};
const data = (events: { data: string }[]) => events.map((event) => JSON.parse(event.data));
const after = (id: string | undefined) => ({ headers: { "Last-Event-ID": id as string } });

testSnippets("docs/history.md", {
  async server(start) {
    const origin = await start().origin();
    const stream = await openStream(`${origin}/sse`);
    await say(origin, "one");
    const [first] = await stream.take(1);
    stream.close();
    await say(origin, "two");
    await say(origin, "three");
    const { events } = await readEvents(`${origin}/sse`, 2, after(first?.id));
    expect(data(events)).toEqual(["two", "three"]);
  },

  async browser(start) {
    const origin = await start({ name: "server" }).origin();
    await say(origin, "before");
    const browser = start({ runtime: "browser", origin });
    // It has connected when it gets what is said.
    for (let attempt = 0; !browser.output.includes("news"); attempt++) {
      await say(origin, `news ${attempt}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (attempt > 200) throw new Error(`It prints:\n${browser.output}`);
    }
    expect(browser.output).not.toContain("before");
    expect(browser.output).not.toContain("missing");
  },

  async room(start) {
    const program = start();
    const origin = await program.origin();
    const { events } = await readEvents(origin, 3);
    expect(data(events)).toEqual(["Hello", "Is anybody there?", "1 here"]);
    const back = await readEvents(origin, 2, after(events[1]?.id));
    expect(back.events[0]).toMatchObject({ event: "count", data: '"1 here"' });
    const lost = await readEvents(origin, 2, after("forged"));
    expect(lost.events[0]).toMatchObject({
      event: "gap",
      data: JSON.stringify({ reason: "unknown", oldest: events[0]?.id }),
    });
    expect(data(lost.events.slice(1))).toEqual(["Hello"]);
    await program.printed("A client came back after forged: unknown");
  },
});
