/**
 * Makes methods of `prototype` work when they are taken off their object, as in
 * `const { push } = session`. The bound function is made when the method is first looked up: one
 * per method in use, instead of one per method for each object.
 */
export function detachable<T extends object>(prototype: T, ...names: (keyof T & string)[]): void {
  for (const name of names) {
    const method = prototype[name];
    const bound = Symbol(name);
    Object.defineProperty(prototype, name, {
      configurable: true,
      get(this: T & { [bound]?: unknown }) {
        // The prototype itself, as `super.push` and documentation tools look it up.
        if (this === prototype) return method;
        this[bound] ??= (method as (...args: never[]) => unknown).bind(this as never);
        return this[bound];
      },
      // A method may be replaced on one object, as test doubles do.
      set(this: T, value: unknown) {
        Object.defineProperty(this, name, { value, configurable: true, writable: true });
      },
    });
  }
}
