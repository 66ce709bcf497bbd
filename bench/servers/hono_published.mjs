import * as library from "stream-llm-published";
import { serveCreateResponse } from "./hono_create_response.mjs";

await serveCreateResponse(library);
