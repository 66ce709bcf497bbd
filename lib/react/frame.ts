/** A hidden page has no frames: what waits for one waits for no longer than this, in ms. */
const longestWait = 1000;

const due = new Set<() => void>();
let frame = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function forget(): void {
  clearTimeout(timer);
  globalThis.cancelAnimationFrame?.(frame);
}

function run(): void {
  const tasks = [...due];
  due.clear();
  forget();
  for (const task of tasks) task();
}

/** Runs `task` before the next frame, once however often it is asked for, with all that wait for it. */
export function beforeFrame(task: () => void): void {
  if (due.size === 0) {
    frame = globalThis.requestAnimationFrame?.(run) ?? 0;
    timer = setTimeout(run, longestWait);
  }
  due.add(task);
}

/** Takes a task off that waits for the next frame. */
export function dropTask(task: () => void): void {
  if (due.delete(task) && due.size === 0) forget();
}
