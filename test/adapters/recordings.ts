import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
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

export function recordings(): Recording[] {
  if (!existsSync(folder)) {
    console.warn(`skipped: no recordings in ${folder}`);
    return [];
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith(".sse"))
    .map((name) => {
      const bytes = new Uint8Array(readFileSync(folder + name));
      return { name, bytes, format: formatOf(new TextDecoder().decode(bytes)) };
    });
}

export function recording(part: string): Recording | undefined {
  return recordings().find(({ name }) => name.includes(part));
}
