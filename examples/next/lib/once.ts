/**
 * What `make` made under this name before, in whichever bundle: Next compiles each route on its own, and in
 * development again after each change, but there must be one channel.
 */
export function once<T>(name: string, make: () => T): T {
  const kept = globalThis as { [key: symbol]: unknown };
  const key = Symbol.for(`stream-llm-next.${name}`);
  kept[key] ??= make();
  return kept[key] as T;
}
