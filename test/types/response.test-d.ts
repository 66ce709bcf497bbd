import {
  Connection,
  createResponse,
  type DefaultSessionState,
  FetchConnection,
  NodeHttp1Connection,
} from "../../lib/index.ts";
import { type Equal, expectType } from "./expect.ts";

declare const request: Request;

interface Events {
  token: string;
}

// Every form of the arguments.
const response = createResponse(request, (session) => {
  expectType<Equal<typeof session.state, DefaultSessionState>>(true);
  session.push("anything", "named");
});
expectType<Equal<typeof response, Response>>(true);
createResponse(request, async () => {});
createResponse(request, new Response(), () => {});
createResponse(request, { retry: null }, () => {});
createResponse(request, new Response(), { retry: null }, () => {});
createResponse<{ id: string }, Events>(request, { state: { id: "1" } }, ({ state, push }) => {
  push(state.id, "token");
  // @ts-expect-error no such event
  push(state.id, "tokens");
});
// @ts-expect-error no callback
createResponse(request);
// @ts-expect-error no callback
createResponse(request, {});
// @ts-expect-error no such option
createResponse(request, { retries: 1 }, () => {});

// Connections of one's own.
class OwnConnection extends Connection {
  url = new URL("http://localhost/");
  request = new Request(this.url);
  response = new Response();
  sendHead(): void {}
  sendChunk(chunk: string): void {
    expectType<Equal<typeof chunk, string>>(true);
  }
  cleanup(): void {}
}
createResponse(new OwnConnection(), () => {});
createResponse(new OwnConnection(), { keepAlive: null }, () => {});
Connection.applyHeaders({ a: "1", b: ["2"], c: undefined }, new Headers());
Connection.applyHeaders(new Headers(), new Headers());
expectType<Equal<typeof Connection.constants.RESPONSE_CODE, number>>(true);
new FetchConnection(request, null, { statusCode: 201 });
// @ts-expect-error not all that a connection needs
class Unfinished extends Connection {
  url = new URL("http://localhost/");
}
void Unfinished;

// The built-in ones may be changed in part.
class Loud extends NodeHttp1Connection {
  override sendChunk(chunk: string): void {
    super.sendChunk(chunk.toUpperCase());
  }
}
void Loud;
