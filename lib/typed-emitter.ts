import { EventEmitter } from "node:events";
import { warn } from "./errors.js";

/** Event names and the functions that listen to them. */
export interface EventMap {
  // biome-ignore lint/suspicious/noExplicitAny: the one type that any listener has
  [name: string | symbol]: (...args: any[]) => void;
}

/** The names that `Events` spells out, and any other string. */
export type EventNames<Events> =
  | keyof { [Name in keyof Events as Known<Name>]: never }
  | (string & {});

type Known<Name> = string extends Name ? never : number extends Name ? never : Name;

/** Called after the listeners of an event, or of all (`undefined`), may have changed. */
export const kListenersChanged = Symbol("listenersChanged");

/** `EventEmitter` with listeners that are typed by name, and without a limit to their number. */
export class TypedEmitter<Events extends EventMap> extends EventEmitter {
  constructor() {
    super();
    this.setMaxListeners(Number.POSITIVE_INFINITY);
  }

  protected [kListenersChanged](_event?: PropertyKey): void {}

  /** Emits something that no caller waits for: what a listener throws becomes a warning. */
  protected tell<Name extends EventNames<Events>>(
    event: Name,
    ...args: Parameters<Events[Name]>
  ): void {
    try {
      super.emit(event as string, ...args);
    } catch (error) {
      warn(`a listener of "${String(event)}" threw`, error);
    }
  }

  override emit<Name extends EventNames<Events>>(
    event: Name,
    ...args: Parameters<Events[Name]>
  ): boolean {
    return super.emit(event as string, ...args);
  }

  override addListener<Name extends EventNames<Events>>(event: Name, listener: Events[Name]): this {
    return this.#changed(event, super.addListener(event as string, listener));
  }

  override on<Name extends EventNames<Events>>(event: Name, listener: Events[Name]): this {
    return this.#changed(event, super.on(event as string, listener));
  }

  override once<Name extends EventNames<Events>>(event: Name, listener: Events[Name]): this {
    return this.#changed(event, super.once(event as string, listener));
  }

  override prependListener<Name extends EventNames<Events>>(
    event: Name,
    listener: Events[Name],
  ): this {
    return this.#changed(event, super.prependListener(event as string, listener));
  }

  override prependOnceListener<Name extends EventNames<Events>>(
    event: Name,
    listener: Events[Name],
  ): this {
    return this.#changed(event, super.prependOnceListener(event as string, listener));
  }

  override off<Name extends EventNames<Events>>(event: Name, listener: Events[Name]): this {
    return this.#changed(event, super.off(event as string, listener));
  }

  override removeListener<Name extends EventNames<Events>>(
    event: Name,
    listener: Events[Name],
  ): this {
    return this.#changed(event, super.removeListener(event as string, listener));
  }

  override removeAllListeners(event?: string | symbol): this {
    // Told apart from `undefined` by Node, which counts the arguments.
    if (event === undefined) super.removeAllListeners();
    else super.removeAllListeners(event);
    return this.#changed(event, this);
  }

  #changed(event: PropertyKey | undefined, result: this): this {
    this[kListenersChanged](event);
    return result;
  }
}
