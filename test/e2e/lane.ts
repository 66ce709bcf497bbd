/** The lane of plain HTTP/1.1 in this run; see vitest.config.ts. */
export const lane: "socket" | "stream" =
  process.env.STREAM_LLM_TEST_TRANSPORT === "stream" ? "stream" : "socket";

export const onSocketLane = lane === "socket";
