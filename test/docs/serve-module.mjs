// Serves a module that exports handlers and leaves the rest to a framework: GET and POST as a Next.js route does.
import { serve } from "@hono/node-server";

const handlers = await import(process.argv[2]);
serve({ fetch: (request) => handlers[request.method](request) });
