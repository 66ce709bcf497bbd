import * as library from "../../dist/index.js";
import { serveCreateResponse } from "./hono_create_response.mjs";

await serveCreateResponse(library);
