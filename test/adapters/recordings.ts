import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import {
  readAnthropic,
  readGemini,
  readOpenAIChat,
  readOpenAIResponses,
} from "../../lib/adapters/index.ts";

/** Raw provider streams, as they came over the network. Not part of the repository. */
const folder = fileURLToPath(new URL("../../../shared/recordings/", import.meta.url));

export type Format = "openai" | "openai-responses" | "anthropic" | "gemini";

export interface Recording {
  name: string;
  format: Format;
  bytes: Uint8Array;
}

export const readers = {
  openai: readOpenAIChat,
  "openai-responses": readOpenAIResponses,
  anthropic: readAnthropic,
  gemini: readGemini,
};

/** From the recording's own words, without the code under test. */
function formatOf(text: string): Format {
  if (text.includes('"type":"response.created"')) return "openai-responses";
  if (text.includes("event: message_start")) return "anthropic";
  return text.includes('"candidates"') ? "gemini" : "openai";
}

/**
 * All recordings. Tests are made for each, and a file must have one at least: where there are none,
 * that is one which is skipped and says so.
 */
export function recordings(): Recording[] {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const all = names
    .filter((name) => name.endsWith(".sse"))
    .map((name) => {
      const bytes = new Uint8Array(readFileSync(folder + name));
      return { name, bytes, format: formatOf(new TextDecoder().decode(bytes)) };
    });
  it("has recordings of every format", ({ skip }) => {
    skip(all.length === 0, `no recordings in ${folder}`);
    const formats = new Set(all.map(({ format }) => format));
    expect(formats).toEqual(new Set(Object.keys(readers)));
  });
  return all;
}
