// The send(2) loop of limits/send_loop.cc, spoken to as the other servers are.
import { serve, TEXT } from "./control.mjs";
import { Program } from "./program.mjs";

const loop = new Program(process.argv[2]);
let next = 0;
let sessions = 0;
let cpuBefore = 0;

const cpu = async () => (await loop.ask("usage")).cpu;

await serve({
  open: async () => (await loop.read()).port,
  size: () => sessions,
  commands: {
    warmUp() {},
    async sessions() {
      ({ sessions } = await loop.ask("sessions"));
      return sessions;
    },
    async mark() {
      cpuBefore = await cpu();
    },
    usage: async () => ({ cpu: (await cpu()) - cpuBefore }),
    async broadcast({ count, interval = 0 }) {
      const first = next;
      next += count;
      return await loop.ask(`broadcast ${first} ${count} ${Math.round(interval * 1000)} ${TEXT}`);
    },
    async tokens({ period, duration }) {
      const first = next;
      const rounds = Math.floor(duration / period);
      next += rounds;
      return { rounds, ...(await loop.ask(`tokens ${first} ${rounds} ${period} ${TEXT}`)) };
    },
  },
});
