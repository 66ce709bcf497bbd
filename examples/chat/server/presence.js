/** Who has the page open: a channel with a session for each tab, in whatever conversation. */
import { createChannel } from "stream-llm";

const MOODS = [
  "Calm",
  "Quiet",
  "Early",
  "Gentle",
  "Sunny",
  "Patient",
  "Curious",
  "Bright",
  "Steady",
];
const ANIMALS = ["Heron", "Otter", "Fox", "Wren", "Badger", "Lynx", "Owl", "Hare", "Finch", "Seal"];

/** So many are named; the count tells the rest. */
const MAX_NAMED = 20;

/** @typedef {{subject: string}} Visitor */

/** @type {import("stream-llm").Channel<object, Visitor, import("../types/conversation.ts").ConversationEvents>} */
const everyone = createChannel();

/** The same for the same subject, and telling nothing of it. */
export function nameOf(subject) {
  let hash = 0;
  for (const character of subject) hash = (hash * 31 + character.codePointAt(0)) >>> 0;
  return `${MOODS[hash % MOODS.length]} ${ANIMALS[Math.floor(hash / MOODS.length) % ANIMALS.length]}`;
}

function tellWhoIsHere() {
  const subjects = [...new Set(everyone.activeSessions.map(({ state }) => state.subject))];
  const names = subjects.slice(-MAX_NAMED).map(nameOf);
  everyone.broadcast({ people: subjects.length, names }, "here");
}

everyone.on("session-registered", tellWhoIsHere);
everyone.on("session-deregistered", tellWhoIsHere);

/** @param {import("stream-llm").Session<Visitor>} session */
export const enter = (session) => everyone.register(session);
