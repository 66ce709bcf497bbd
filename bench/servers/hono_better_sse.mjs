import * as library from "better-sse";
import { serveCreateResponse } from "./hono_create_response.mjs";

await serveCreateResponse(library);
