// Loaded before a snippet's program. Servers take a free local port instead of the one in the text, and tell it to the
// test; what a browser, Bun or Deno has and Node has not is stood in for.
import net from "node:net";
import { serve } from "@hono/node-server";
import { EventSource } from "eventsource";
import { WebSocket } from "ws";

const { SNIPPET_ORIGIN, SNIPPET_RUNTIME } = process.env;
process.channel?.unref();

const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (...args) {
  const callback = args.find((argument) => typeof argument === "function");
  this.once("listening", () => process.send?.({ port: this.address().port }));
  return listen.call(this, { port: 0, host: "127.0.0.1" }, callback);
};

if (SNIPPET_RUNTIME === "browser") {
  const { fetch } = globalThis;
  globalThis.fetch = (url, init) => fetch(new URL(url, SNIPPET_ORIGIN), init);
  globalThis.Request = class extends Request {
    constructor(url, init) {
      super(new URL(url, SNIPPET_ORIGIN), init);
    }
  };
  globalThis.EventSource = class extends EventSource {
    constructor(url, init) {
      super(new URL(url, SNIPPET_ORIGIN), init);
    }
  };
  globalThis.WebSocket = class extends WebSocket {
    constructor(url, protocols) {
      super(new URL(url, SNIPPET_ORIGIN.replace("http", "ws")), protocols);
    }
  };
}

// Both runtimes call a handler with a Fetch Request and send the Response it returns.
if (SNIPPET_RUNTIME === "bun") globalThis.Bun = { serve: ({ fetch }) => serve({ fetch }) };
if (SNIPPET_RUNTIME === "deno")
  globalThis.Deno = { serve: (...args) => serve({ fetch: args.at(-1) }) };
