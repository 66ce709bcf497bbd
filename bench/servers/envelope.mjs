// `node envelope.mjs PROTOCOL TURNS`: what a token costs the event loop in a prepared envelope, and
// as a chunk that is stringified and pushed. Prints both, in ns, as JSON. Its client is here too: only
// the calls are timed, and what they have sent is awaited in between.
import { once } from "node:events";
import { createServer, get } from "node:http";
import { createSession } from "../../dist/index.js";
import { sendEvent } from "../../dist/streaming/delivery.js";
import { createProtocolWriter } from "../../dist/streaming/index.js";
import { median } from "../harness/statistics.mjs";

const TOKENS = 2000;
const words =
  'A stream of "tokens", of about the size that models send\n, with what has to be escaped.';
const tokens = words.split(/(?= )/);
const start = {
  type: "start",
  id: "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
  model: "gpt-4o-mini-2024-07-18",
  created: 1741569952,
};

/** The chunk of one token as an application makes it, with the fields of the writer's. */
const chunks = {
  openai: ({ id, object, created, model }, content) => {
    const choices = [{ index: 0, delta: { content }, finish_reason: null }];
    return { id, object, created, model, choices };
  },
  anthropic: ({ type, index }, text) => ({ type, index, delta: { type: "text_delta", text } }),
  "openai-responses": ({ type, item_id, output_index, content_index, sequence_number }, delta) => ({
    type,
    item_id,
    output_index,
    content_index,
    delta,
    sequence_number,
  }),
  "ai-sdk": ({ type, id }, delta) => ({ type, id, delta }),
};

function waysOf(protocol, session) {
  const writer = createProtocolWriter(protocol);
  const write = (text) => writer.write({ type: "text", text }).at(-1);
  writer.write(start);
  write("first");
  const event = write("like all that follow");
  const fields = JSON.parse(event.data);
  const chunk = chunks[protocol];
  const [whole, theirs] = [chunk(fields, "like all that follow"), event.data];
  if (JSON.stringify(whole) !== theirs) throw new Error(`not the writer's chunk: ${theirs}`);
  return {
    envelope: (text) => sendEvent(session, write(text)),
    push: (text) => session.push(chunk(fields, text), event.event),
  };
}

/** Medians over turns that the ways take one after the other. */
async function measure(session, ways, turns) {
  const taken = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let turn = -10; turn < turns; turn++) {
    for (const [name, send] of Object.entries(ways)) {
      const began = performance.now();
      for (let i = 0; i < TOKENS; i++) send(tokens[i % tokens.length]);
      const nanoseconds = ((performance.now() - began) * 1e6) / TOKENS;
      if (turn >= 0) taken[name].push(nanoseconds);
      await session.drained();
    }
  }
  const [envelope, push] = [median(taken.envelope), median(taken.push)];
  return { envelope, push, ratio: push / envelope };
}

const [protocol, turns] = process.argv.slice(2);
const server = createServer(async (req, res) => {
  const options = { eventId: null, maxBufferedBytes: 1 << 26 };
  const session = await createSession(req, res, options);
  if (session.transport !== "socket") throw new Error(`on the lane ${session.transport}`);
  const result = await measure(session, waysOf(protocol, session), Number(turns));
  console.log(JSON.stringify(result));
  await session.close();
  server.close();
}).listen(0, "127.0.0.1");
await once(server, "listening");
get({ host: "127.0.0.1", port: server.address().port, agent: false }, (res) => res.resume());
