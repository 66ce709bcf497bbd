import * as library from "better-sse";
import { serveSessions } from "./session_library.mjs";

await serveSessions(library);
