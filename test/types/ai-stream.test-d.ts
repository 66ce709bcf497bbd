import {
  AIStream,
  type Cost,
  type Message,
  type RetryNotice,
  type SseError,
  type Usage,
} from "../../lib/client/index.ts";
import { type Equal, expectType } from "./expect.ts";

const stream = new AIStream({ endpoint: "/chat", onCost: ({ total }) => total?.toFixed(2) });

expectType<Equal<ReturnType<typeof stream.send>, Promise<Message>>>(true);
expectType<Equal<ReturnType<typeof stream.resume>, Promise<Message | undefined>>>(true);
expectType<Equal<ReturnType<typeof stream.getMessages>, readonly Message[]>>(true);
expectType<Equal<ReturnType<typeof stream.getUsage>, Usage>>(true);

stream.on("token", (token) => expectType<Equal<typeof token, string>>(true));
stream.on("message", (message) => expectType<Equal<typeof message, Message>>(true));
stream.on("error", (error) => expectType<Equal<typeof error, SseError>>(true));
stream.on("retry", (notice) => expectType<Equal<typeof notice, RetryNotice>>(true));
stream.on("cost", (cost, usage) => {
  expectType<Equal<typeof cost, Cost>>(true);
  expectType<Equal<typeof usage, Usage>>(true);
});
stream.on("reset", () => {});

// @ts-expect-error there is no such event
stream.on("tokens", () => {});
// @ts-expect-error a token is text
stream.on("token", (token: number) => token);
// @ts-expect-error messages do not change
(await stream.send("Hi")).content = "";
// @ts-expect-error where it is, it has to know
new AIStream({});
for await (const token of stream) expectType<Equal<typeof token, string>>(true);
