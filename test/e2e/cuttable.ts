import { connect, createServer, type Socket } from "node:net";
import { listen } from "./harness.ts";

/** A way to a server that can be cut: what is under way breaks, and nobody gets through until it is mended. */
export class Cuttable {
  origin = "";
  readonly #sockets = new Set<Socket>();
  #port: number;
  #isCut = false;

  private constructor(port: number) {
    this.#port = port;
  }

  static async to(port: number): Promise<Cuttable> {
    const way = new Cuttable(port);
    const server = createServer((socket) => {
      if (way.#isCut) {
        socket.resetAndDestroy();
        return;
      }
      const upstream = connect(way.#port, "127.0.0.1");
      const ends = [socket, upstream];
      for (const end of ends) {
        way.#sockets.add(end);
        end.on("error", () => {});
        end.on("close", () => {
          way.#sockets.delete(end);
          for (const other of ends) other.destroy();
        });
      }
      socket.pipe(upstream).pipe(socket);
    });
    way.origin = (await listen(server)).origin.replace("127.0.0.1", "localhost");
    return way;
  }

  cut() {
    this.#isCut = true;
    this.#breakAll();
  }

  /** Another server takes the place of the one before. */
  redirect(port: number) {
    this.#port = port;
    this.#breakAll();
  }

  mend() {
    this.#isCut = false;
  }

  #breakAll() {
    for (const socket of this.#sockets) socket.destroy();
  }
}
