/** Who has the page open, and what each is reading: a channel with one session per open tab. */
import { randomUUID } from "node:crypto";

import { createChannel, createSession } from "stream-llm";

const MOODS = [
  "Calm",
  "Quiet",
  "Early",
  "Gentle",
  "Sunny",
  "Patient",
  "Curious",
  "Mellow",
  "Bright",
  "Steady",
];
const ANIMALS = ["Heron", "Otter", "Fox", "Wren", "Badger", "Lynx", "Owl", "Hare", "Finch", "Seal"];

/** A newcomer's list names this many; the count tells the rest. */
const MAX_LISTED = 50;

/**
 * `id` and `name` are for everyone. `key` is told only to its own tab, which sends it along with a prompt.
 * @typedef {{id: number, key: string, name: string, reading: string[]}} Viewer
 */

/** @type {import("stream-llm").Channel<object, Viewer>} */
const channel = createChannel();

let lastId = 0;

function createViewer() {
  const id = ++lastId;
  const taken = new Set(channel.activeSessions.map((session) => session.state.name));
  const pick = (list) => list[Math.floor(Math.random() * list.length)];
  let name = `${pick(MOODS)} ${pick(ANIMALS)}`;
  if (taken.has(name)) name += ` ${id}`;
  return { id, key: randomUUID(), name, reading: [] };
}

const describe = ({ id, name, reading }) => ({ id, name, reading: reading.at(-1) ?? null });

channel.on("session-deregistered", (session) => {
  channel.broadcast({ id: session.state.id, count: channel.sessionCount }, "left");
});

/** GET handler: the newcomer is told who is here, then the others are told of the newcomer. */
export async function joinViewers(req, res) {
  const viewer = createViewer();
  const session = await createSession(req, res, { state: viewer });
  if (!session.isConnected) return;

  channel.register(session);
  session.push(
    {
      you: viewer.id,
      key: viewer.key,
      count: channel.sessionCount,
      viewers: channel.activeSessions.slice(-MAX_LISTED).map(({ state }) => describe(state)),
    },
    "welcome",
  );
  channel.broadcast({ ...describe(viewer), count: channel.sessionCount }, "joined", {
    filter: (other) => other !== session,
  });
}

/**
 * Tells everyone that the viewer with this key reads `what`, until the function returned is called.
 * A key that nobody has is ignored: the tab may have gone, and `curl` has none.
 */
export function startReading(key, what) {
  const viewer = channel.activeSessions.find(({ state }) => state.key === key)?.state;
  if (!viewer) return () => {};

  const tell = () => channel.broadcast(describe(viewer), "reading");
  viewer.reading.push(what);
  tell();
  return () => {
    viewer.reading.splice(viewer.reading.indexOf(what), 1);
    tell();
  };
}
