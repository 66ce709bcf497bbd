/** A server of the comparison, forked by run.mjs: contender, port of Redis. Tells its own port. */
import { createServer } from "node:http";

const [contender, redisPort] = process.argv.slice(2);
const { start, watch } = await (await import(`./${contender}.mjs`)).connect(Number(redisPort));

const server = createServer(async (req, res) => {
  try {
    if (!(await watch(req.url.slice(1), req, res))) res.writeHead(204).end();
  } catch (error) {
    if (!res.headersSent) res.writeHead(503);
    res.end(error.message);
  }
});

process.on("message", async ({ action, id, tokens, perSecond }) => {
  if (action === "start") await start(id, tokens, perSecond);
  const { user, system } = process.cpuUsage();
  process.send({ action, cpu: (user + system) / 1e6 });
});

server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
