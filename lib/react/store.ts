import { useState, useSyncExternalStore } from "react";
import { beforeFrame, dropTask } from "./frame.js";

/**
 * State that React reads from outside, and the connection that it comes from. The connection is there
 * while somebody subscribes; StrictMode's unmount and mount in one turn leave it open. Subscribers are
 * told at most once per frame, those of all stores in the same one; between two frames the snapshot is
 * the same object.
 */
export abstract class Store<State extends object> {
  /** Whether the connection is wanted. */
  protected isOpen = false;
  #snapshot: State | undefined;
  #initial: State | undefined;
  readonly #listeners = new Set<() => void>();

  /** Connects, or goes on where `close` has left off. */
  protected abstract open(): void;

  /** Ends what `open` began. */
  protected abstract close(): void;

  /** The state as it is now, in an object of its own. */
  protected abstract read(): State;

  /** To be called when `read` has something else to give than before. */
  protected readonly changed = (): void => {
    if (this.#listeners.size > 0) beforeFrame(this.#publish);
    else this.#publish();
  };

  readonly #publish = (): void => {
    this.#snapshot = this.read();
    for (const listener of this.#listeners) listener();
  };

  readonly #closeUnused = (): void => {
    if (this.#listeners.size > 0 || !this.isOpen) return;
    this.isOpen = false;
    this.close();
    dropTask(this.#publish);
    this.#publish();
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (!this.isOpen) {
      this.isOpen = true;
      this.open();
    }
    return () => {
      this.#listeners.delete(listener);
      queueMicrotask(this.#closeUnused);
    };
  };

  readonly getSnapshot = (): State => {
    this.#snapshot ??= this.read();
    return this.#snapshot;
  };

  /** What the server renders, and the browser first: nothing is open yet. */
  readonly getServerSnapshot = (): State => {
    this.#initial ??= this.getSnapshot();
    return this.#initial;
  };
}

/** Renders the component with the state of a store. */
export function useStore<State extends object>(store: Store<State>): State {
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getServerSnapshot);
}

/**
 * What `make` returned for this `key`. It is the component's state: a memo may be dropped, and is at each
 * Fast Refresh.
 */
export function useKept<T>(key: unknown, make: () => T): T {
  const [kept, keep] = useState(() => ({ key, value: make() }));
  if (kept.key === key) return kept.value;
  const next = { key, value: make() };
  keep(next);
  return next.value;
}
