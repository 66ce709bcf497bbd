import { Redis } from "ioredis";
import { createResumableStreamContext } from "resumable-stream/ioredis";
import { provider } from "./provider.mjs";

export const label = "resumable-stream";

/** The events that stream-llm sends, so that both send the same data. */
function answer(tokens, perSecond) {
  let index = 0;
  const text = provider(tokens, perSecond);
  return new ReadableStream({
    async pull(controller) {
      const { done, value: token } = await text.next();
      if (!done) {
        controller.enqueue(`event: token\ndata: ${JSON.stringify({ token, index: index++ })}\n\n`);
        return;
      }
      controller.enqueue("event: done\ndata: {}\n\n");
      controller.close();
    },
  });
}

/** As its README says, with the default options. */
export async function connect(port) {
  const context = createResumableStreamContext({
    waitUntil: null,
    publisher: new Redis(port, "127.0.0.1"),
    subscriber: new Redis(port, "127.0.0.1"),
  });
  return {
    async start(id, tokens, perSecond) {
      const stream = await context.createNewResumableStream(id, () => answer(tokens, perSecond));
      // The one who asked reads it as well.
      void stream.pipeTo(new WritableStream()).catch(() => {});
    },
    async watch(id, _, res) {
      const stream = await context.resumeExistingStream(id);
      if (!stream) return false;
      res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" });
      res.flushHeaders();
      for await (const chunk of stream) res.write(chunk);
      res.end();
      return true;
    },
  };
}
