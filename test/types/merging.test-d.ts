import { createChannel, createSession } from "../../lib/index.ts";
import { type Equal, expectType } from "./expect.ts";

// An application says once what its states have. It names the package; here, the file behind it.
declare module "../../lib/options.ts" {
  interface DefaultSessionState {
    mergedUser: string;
  }
}
declare module "../../lib/channel.ts" {
  interface DefaultChannelState {
    mergedTopic: string;
  }
}

const session = await createSession(new Request("http://localhost/"));
expectType<Equal<typeof session.state.mergedUser, string>>(true);
const channel = createChannel();
expectType<Equal<typeof channel.state.mergedTopic, string>>(true);
