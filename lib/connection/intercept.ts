/**
 * Gets between the application and `res.write` and `res.end`, so that what it writes itself comes
 * in order with the session's events. The functions are shared by all responses; what is the
 * response's own is one property.
 */

const kInterceptor = Symbol("stream-llm.connection");

export interface Interceptor {
  onWrite(args: unknown[]): boolean;
  onEnd(args: unknown[]): unknown;
  closed(): void;
}

/** Functions that the response had as its own, put there by some middleware. */
export interface Originals {
  readonly write: unknown;
  readonly end: unknown;
}

interface Intercepted {
  [kInterceptor]?: Interceptor;
  write?: unknown;
  end?: unknown;
}

const none: Originals = { write: undefined, end: undefined };

function write(this: Intercepted, ...args: unknown[]): boolean {
  const interceptor = this[kInterceptor];
  return interceptor
    ? interceptor.onWrite(args)
    : Object.getPrototypeOf(this).write.apply(this, args);
}

function end(this: Intercepted, ...args: unknown[]): unknown {
  const interceptor = this[kInterceptor];
  return interceptor ? interceptor.onEnd(args) : Object.getPrototypeOf(this).end.apply(this, args);
}

/** A listener for the end of a response, told apart by `this`. */
export function onClose(this: object): void {
  (this as Intercepted)[kInterceptor]?.closed();
}

export function intercept(res: object, interceptor: Interceptor): Originals {
  const target = res as Intercepted;
  const originals = { write: own(target, "write"), end: own(target, "end") };
  target[kInterceptor] = interceptor;
  target.write = write;
  target.end = end;
  return originals.write || originals.end ? originals : none;
}

/** Whether something else stands in the place of our `write` since. */
export function isWrapped(res: object): boolean {
  const target = res as Intercepted;
  const found = own(target, "write");
  return target[kInterceptor] !== undefined && found !== undefined && found !== write;
}

export function restore(res: object, originals: Originals): void {
  const target = res as Intercepted;
  const isOutermost = own(target, "write") === write && own(target, "end") === end;
  // Something else was put around ours since: what ours stand for stays reachable through them.
  if (!isOutermost) return;
  if (originals.write) target.write = originals.write;
  else delete target.write;
  if (originals.end) target.end = originals.end;
  else delete target.end;
  delete target[kInterceptor];
}

function own(target: Intercepted, name: "write" | "end"): unknown {
  return Object.getOwnPropertyDescriptor(target, name)?.value;
}
