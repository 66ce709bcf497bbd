import { useInsertionEffect, useRef } from "react";

/**
 * A function that returns what the component was last rendered with, always the same one. What is
 * rendered but never committed is not seen.
 */
export function useLatest<T>(value: T): () => T {
  const { current: holder } = useRef({ value, get: () => holder.value });
  useInsertionEffect(() => {
    holder.value = value;
  });
  return holder.get;
}
