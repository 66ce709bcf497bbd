import { get } from "node:http";

/** After so long without a word a connection is given up, in ms: servers send a comment every 5 s. */
const mostSilence = 20_000;

/** The way of a process' clients to the servers, through nginx, and what became of their connections. */
export class Front {
  /** Streams that were opened. */
  connections = 0;
  /** Those that were given up as nothing came. */
  silent = 0;
  /** How often nginx or a server answered with which status that is none of a stream or its end. */
  refused = {};
  #port;

  constructor(port) {
    this.#port = port;
  }

  /**
   * One connection: resolves when it has ended, for whatever reason, with the status of the response, if
   * there was one.
   *
   * @param stream `path`; `lastId` to come back with; `signal`; `onOpen(headers)`; `onText(text)`, which
   * returns whether more is wanted
   */
  connect({ path = "/", lastId, signal, onOpen, onText }) {
    return new Promise((resolve) => {
      const headers = lastId === "" ? {} : { "Last-Event-ID": lastId };
      const target = { port: this.#port, host: "127.0.0.1", path };
      const request = get({ ...target, agent: false, headers, signal });
      let status;
      const silence = this.#onSilence(() => request.destroy());
      const end = () => {
        silence.end();
        request.destroy();
        resolve(status);
      };
      // Those that are destroyed, and those that never were connected.
      request.once("error", end).once("close", end);
      request.once("response", (response) => {
        status = response.statusCode;
        if (status !== 200) {
          if (status !== 204) this.refused[status] = (this.refused[status] ?? 0) + 1;
          end();
          return;
        }
        this.connections++;
        onOpen?.(response.headers);
        response.setEncoding("utf8").on("error", () => {});
        response.on("data", (text) => {
          if (request.destroyed) return;
          silence.heard();
          if (!onText(text)) end();
        });
        response.once("close", end);
      });
    });
  }

  #onSilence(giveUp) {
    let count = 0;
    const check = () => {
      const before = count;
      // What has come while this process had no time is no silence.
      setImmediate(() => {
        if (count > before) return;
        this.silent++;
        giveUp();
      });
    };
    const timer = setTimeout(check, mostSilence);
    const heard = () => {
      count++;
      timer.refresh();
    };
    const end = () => {
      count++;
      clearTimeout(timer);
    };
    return { heard, end };
  }
}
