import { defineConfig } from "vitest/config";

/**
 * What a session's lane could make a difference to. Runs twice: on the socket lane, as whatever else does, and on the
 * pull lane. The rest is Fetch, HTTP/2, the documents, or what comes before a session has a lane.
 */
const laneDependent = [
  "compat",
  "disconnect",
  "disconnect-traces",
  "faults-objects",
  "faults-push",
  "frameworks",
  "generations-*",
  "head",
  "history",
  "lifecycle",
  "middleware",
  "pipelining",
  "properties",
  "slow-consumer",
  "stream",
  "stream-backpressure",
  "stream-disconnect",
  "waiting",
  "socket-*",
].map((name) => `test/e2e/${name}.test.ts`);

export default defineConfig({
  test: {
    // One addon per process, as in production; the loader's own tests start the other cases.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    projects: [
      {
        extends: true,
        test: { name: "auto", include: ["test/**/*.test.ts"], exclude: ["test/types/**"] },
      },
      {
        extends: true,
        test: {
          name: "stream",
          include: laneDependent,
          env: { STREAM_LLM_TEST_TRANSPORT: "stream" },
        },
      },
    ],
  },
});
