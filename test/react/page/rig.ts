import { createElement, type FunctionComponent, StrictMode } from "react";
import { flushSync } from "react-dom";
import { createRoot, hydrateRoot, type Root } from "react-dom/client";

/** How a call of a function that a hook returned ended. */
export type Settled = { name: string; value?: unknown; error?: string };

/** What tests reach from outside: see TestPage. */
export class Rig {
  /** How often components with a hook were rendered. */
  renders = 0;
  /** Frames since the first render. */
  frames = 0;
  /** Distinct contents, in the order they were rendered in. */
  readonly seen: string[] = [];
  /** What listeners heard. */
  readonly heard: unknown[] = [];
  readonly settled: Settled[] = [];
  /** Timers, frames and listeners that are waiting. */
  readonly open = { timers: 0, frames: 0, listeners: 0 };
  /** Whether frames do not come, as on a hidden page. */
  hidden = false;
  functions: Record<string, (...args: never[]) => unknown> = {};
  #root: Root | undefined;

  readonly #scenarios: Record<string, FunctionComponent<never>>;

  constructor(scenarios: Record<string, FunctionComponent<never>>) {
    this.#scenarios = scenarios;
    this.#countOpen();
  }

  render(
    name: string,
    props: object,
    { strict = false, hydrate = false }: { strict?: boolean; hydrate?: boolean },
  ): void {
    const scenario = createElement(this.#scenarios[name] as FunctionComponent<object>, props);
    const element = strict ? createElement(StrictMode, null, scenario) : scenario;
    const container = document.getElementById("root") as HTMLElement;
    if (!this.#root) this.#countFrames();
    if (hydrate) {
      this.#root = hydrateRoot(container, element);
    } else {
      this.#root ??= createRoot(container);
      const root = this.#root;
      flushSync(() => root.render(element));
    }
  }

  unmount(): void {
    this.#root?.unmount();
    this.#root = undefined;
  }

  call(name: string, args: unknown[]): void {
    const ended = (end: object) => this.settled.push({ name, ...end });
    // A promise is left alone, as by a click handler, but for what is kept of it here.
    const returned = (this.functions[name] as (...args: unknown[]) => unknown)(...args);
    if (!(returned instanceof Promise)) return;
    returned.then(
      (value) => ended({ value }),
      (error) => ended({ error: String(error.code ?? error) }),
    );
  }

  /** For components: one more render, and what it shows. */
  rendered(content?: string): void {
    this.renders++;
    if (content !== undefined && content !== this.seen.at(-1)) this.seen.push(content);
  }

  #countFrames(): void {
    const request = this.#request;
    const count = () => {
      this.frames++;
      request(count);
    };
    request(count);
  }

  readonly #request = globalThis.requestAnimationFrame?.bind(globalThis);

  #countOpen(): void {
    const { open } = this;
    const timers = new Set<unknown>();
    const frames = new Set<number>();
    const { setTimeout, clearTimeout, cancelAnimationFrame } = globalThis;
    const update = () => Object.assign(open, { timers: timers.size, frames: frames.size });
    const patch = globalThis as unknown as Record<string, unknown>;
    patch.setTimeout = (run: () => void, ms?: number) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        update();
        run();
      }, ms);
      timers.add(timer);
      update();
      return timer;
    };
    patch.clearTimeout = (timer: number) => {
      timers.delete(timer);
      update();
      clearTimeout(timer);
    };
    patch.requestAnimationFrame = (run: FrameRequestCallback) => {
      if (this.hidden) return 0;
      const frame = this.#request((time) => {
        frames.delete(frame);
        update();
        run(time);
      });
      frames.add(frame);
      update();
      return frame;
    };
    patch.cancelAnimationFrame = (frame: number) => {
      frames.delete(frame);
      update();
      cancelAnimationFrame(frame);
    };
    const listeners = new Map<string, Set<unknown>>();
    const ofPage = ["visibilitychange", "resume", "freeze", "pageshow", "pagehide", "online"];
    for (const name of ofPage) listeners.set(name, new Set());
    const count = () => {
      open.listeners = [...listeners.values()].reduce((sum, { size }) => sum + size, 0);
    };
    for (const target of [document, window] as EventTarget[]) {
      const { addEventListener, removeEventListener } = target;
      target.addEventListener = function (this: EventTarget, ...args) {
        listeners.get(args[0])?.add(args[1]);
        count();
        addEventListener.apply(this, args);
      };
      target.removeEventListener = function (this: EventTarget, ...args) {
        listeners.get(args[0])?.delete(args[1]);
        count();
        removeEventListener.apply(this, args);
      };
    }
  }
}
