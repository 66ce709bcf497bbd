// stream-llm, the socket lane; with options as JSON in the first argument, those.
import * as library from "../../dist/index.js";
import { serveSessions } from "./session_library.mjs";

/** How many sessions are on which lane: a result of the wrong lane must not pass unnoticed. */
function countLanes(sessions) {
  const lanes = {};
  for (const { transport } of sessions) lanes[transport] = (lanes[transport] ?? 0) + 1;
  return lanes;
}

const options = process.argv[2] ? JSON.parse(process.argv[2]) : undefined;
await serveSessions(library, options, (sessions) => ({ stats: () => countLanes(sessions) }));
