type Json = Record<string, unknown>;

/**
 * Whether the AI SDK's client refuses to read a value, and with it the whole stream: it has a key
 * `__proto__`, or `constructor` with `prototype` in it, at any depth. A model can write those.
 */
export function isRefused(value: unknown): boolean {
  const text = JSON.stringify(value) ?? "";
  // Most values have no such key: the JSON tells that faster than the walk.
  if (!text.includes('"__proto__"') && !text.includes('"constructor"')) return false;
  const rest: unknown[] = [JSON.parse(text)];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    if (typeof node !== "object" || node === null) continue;
    const { constructor: own } = node as Json;
    const isOwn = Object.hasOwn(node, "constructor") && typeof own === "object" && own !== null;
    if (Object.hasOwn(node, "__proto__") || (isOwn && Object.hasOwn(own, "prototype"))) return true;
    rest.push(...Object.values(node as Json));
  }
  return false;
}
