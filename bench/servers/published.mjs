// stream-llm 0.0.1, the TypeScript-only version on npm.
import * as library from "stream-llm-published";
import { serveSessions } from "./session_library.mjs";

await serveSessions(library);
