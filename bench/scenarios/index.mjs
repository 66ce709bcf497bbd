import backplane from "./backplane.mjs";
import blocked from "./blocked.mjs";
import burst from "./burst.mjs";
import engine from "./engine.mjs";
import envelope from "./envelope.mjs";
import growth from "./growth.mjs";
import hono from "./hono.mjs";
import latency from "./latency.mjs";
import memory from "./memory.mjs";
import paced from "./paced.mjs";
import relay from "./relay.mjs";
import stalled from "./stalled.mjs";
import tokens from "./tokens.mjs";

/** In the order of the table; `latency` takes its pace from `burst`. */
export const scenarios = [
  burst,
  paced,
  blocked,
  tokens,
  latency,
  memory,
  stalled,
  hono,
  envelope,
  relay,
  backplane,
  growth,
  engine,
];
