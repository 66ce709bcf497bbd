import { escaped } from "./wire-event.js";

/**
 * The input of a custom tool, which is plain text, for protocols whose tools take JSON: it becomes
 * `{"input": text}`, piece by piece.
 */
export const customInput = {
  begin: '{"input":"',
  piece: escaped,
  end: '"}',
} as const;
