// Broadcasts to clients of WebSockets: a channel of sessions beside plain `ws.send` of one shared text in a loop.
// Usage: node bench/websocket.mjs [sessions=1000] [broadcasts=300] [broadcasts in one loop turn=1]
// Needs `npm run build`. The clients are raw sockets in a process of their own, which read and count nothing.

import { fork } from "node:child_process";
import { createServer } from "node:http";
import { connect } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { WebSocketServer } from "ws";

const [sessions, broadcasts, perTurn] = process.argv.slice(2, 5).map(Number);
const count = { sessions: sessions || 1000, broadcasts: broadcasts || 300, perTurn: perTurn || 1 };
const text = "x".repeat(80);

function openClients(port) {
  const head = [
    "GET / HTTP/1.1",
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
  for (let n = 0; n < count.sessions; n++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {}).resume();
    socket.write(`${head.join("\r\n")}\r\n\r\n`);
  }
}

/** How each way is sent over, and what says that all has left. */
const ways = {
  async "ws.send in a loop"() {
    const sockets = [];
    return {
      add: (ws) => sockets.push(ws),
      count: () => sockets.length,
      send(n) {
        const message = { type: "event", event: "tick", id: `00000000000${n}`, data: { n, text } };
        const json = JSON.stringify(message);
        for (const ws of sockets) ws.send(json);
      },
      async sent() {
        while (sockets.some((ws) => ws.bufferedAmount > 0)) await nextTurn();
      },
    };
  },

  async "channel.broadcast"() {
    const { createChannel } = await import("../dist/index.js");
    const { createWebSocketSession } = await import("../dist/websocket/index.js");
    const channel = createChannel();
    return {
      add: async (ws, request) => channel.register(await createWebSocketSession(ws, { request })),
      count: () => channel.sessionCount,
      send: (n) => channel.broadcast({ n, text }, "tick"),
      sent: () => Promise.all(channel.activeSessions.map((session) => session.drained())),
    };
  },
};

async function measure(name) {
  const way = await ways[name]();
  const http = createServer();
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  server.on("connection", way.add);
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const env = { ...process.env, CLIENTS_OF: String(http.address().port) };
  const clients = fork(process.argv[1], process.argv.slice(2), { env });
  while (way.count() < count.sessions) await new Promise((resolve) => setTimeout(resolve, 10));

  const start = performance.now();
  const cpu = process.cpuUsage();
  let calls = 0;
  for (let n = 1; n <= count.broadcasts; n++) {
    const before = performance.now();
    way.send(n);
    calls += performance.now() - before;
    if (n % count.perTurn === 0) await nextTurn();
  }
  await way.sent();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const deliveries = count.sessions * count.broadcasts;
  console.log(
    `${name}: ${(deliveries / ms / 1000).toFixed(3)} M deliveries/s, ` +
      `${((user + system) / deliveries).toFixed(2)} us of CPU each, ` +
      `${(calls / count.broadcasts).toFixed(3)} ms in the call`,
  );
  clients.kill();
  server.close();
  http.close();
  http.closeAllConnections();
  for (const ws of server.clients) ws.terminate();
}

if (process.env.CLIENTS_OF) openClients(Number(process.env.CLIENTS_OF));
else for (const name of Object.keys(ways)) await measure(name);
