// nginx with nchan as a process of its own; this process only publishes to it.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { listen, now, serve, TEXT } from "./control.mjs";

const [nginx, module, workers] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "stream-llm-bench-nchan-"));
let port = 0;
let group;
let publisher;
let nextSequence = 0;
let cpuBefore = 0;

const configuration = () => `
load_module ${module};
daemon off;
user root;
worker_processes ${workers ?? 1};
pid ${folder}/pid;
error_log ${folder}/error.log warn;
events { worker_connections 20000; }
http {
  access_log off;
  tcp_nodelay on;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  nchan_shared_memory_size 256M;
  server {
    listen 127.0.0.1:${port} backlog=4096 reuseport;
    keepalive_requests 100000000;
    keepalive_timeout 1h;
    location = / {
      nchan_subscriber eventsource;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
    }
    location = /publish {
      nchan_publisher;
      nchan_channel_id bench;
      # Large enough that nothing is dropped before the slowest subscriber has it.
      nchan_message_buffer_length 4000;
      nchan_message_timeout 5m;
    }
    location = /status { nchan_stub_status; }
  }
}
`;

/** A port that was free a moment ago: nginx cannot choose one itself. */
async function freePort() {
  const server = createServer();
  const free = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return free;
}

/** One keep-alive connection on which requests are written without waiting for the answers. */
class Publisher {
  answered = 0;
  sent = 0;
  #socket;

  async open() {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise((resolve, reject) => {
      this.#socket.once("connect", resolve).once("error", reject);
    });
    let rest = "";
    this.#socket.setEncoding("latin1").on("data", (text) => {
      const parts = (rest + text).split("HTTP/1.1 20");
      this.answered += parts.length - 1;
      rest = parts.at(-1).slice(-10);
    });
  }

  publish(body) {
    this.sent++;
    this.#socket.write(
      `POST /publish HTTP/1.1\r\nHost: bench\r\nAccept: text/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  }
}

async function open() {
  port = await freePort();
  writeFileSync(join(folder, "nginx.conf"), configuration());
  // A process group that ends with its stdin, that is with this process, however it ends.
  const guarded = '"$@" & read -r _; kill -KILL -- -$$';
  const args = [nginx, "-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"];
  group = spawn("bash", ["-c", guarded, "bash", ...args], {
    stdio: ["pipe", "inherit", "inherit"],
    detached: true,
  });
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  for (let tries = 0; ; tries++) {
    try {
      publisher = new Publisher();
      await publisher.open();
      return port;
    } catch (error) {
      if (tries > 100 || group.exitCode !== null) throw error;
      await sleep(50);
    }
  }
}

/** The processes of the group but bash and nginx's master, which is bash's child. */
function workerPids() {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [, parent, groupOf] = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .map(Number);
      return groupOf === group.pid && parent !== group.pid && Number(name) !== group.pid;
    } catch {
      return false;
    }
  });
}

/** Microseconds that the workers have run: the first field of schedstat, in nanoseconds. */
function cpu() {
  let nanoseconds = 0;
  for (const pid of workerPids()) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/schedstat`, "latin1").split(" ")[0]);
  }
  return nanoseconds / 1000;
}

async function subscribers() {
  const status = await (await fetch(`http://127.0.0.1:${port}/status`)).text();
  return Number(/subscribers: (\d+)/.exec(status)?.[1] ?? 0);
}

async function broadcast({ count, interval = 0 }) {
  const startedAt = now();
  for (let i = 0; i < count; i++) {
    const wait = Math.floor((startedAt + i * interval * 1e6 - now()) / 1e6);
    await (wait > 0 ? sleep(wait) : nextTurn());
    publisher.publish(JSON.stringify({ seq: nextSequence++, at: now(), text: TEXT }));
  }
  while (publisher.answered < publisher.sent) await sleep(1);
  return { startedAt };
}

await serve({
  open,
  size: () => 0,
  commands: {
    warmUp() {},
    sessions: subscribers,
    mark() {
      cpuBefore = cpu();
    },
    usage: () => ({ cpu: cpu() - cpuBefore }),
    broadcast,
  },
});
