import { warn } from "../../errors.js";

/** Counts the tokens of a text. */
export type Count = (text: string) => number;

export interface PromptMessage {
  role?: string;
  /** Text, or parts of which those with a `text` count. */
  content?: unknown;
}

/** What the model was asked: a text, or the messages of OpenAI's or Anthropic's request. */
export type Prompt = string | readonly PromptMessage[];

/** How much of a text is tokenized; the rest is taken to be alike. */
const sampled = 65_536;
/** gpt-tokenizer needs quadratic time for text without a place to split: 64 Ki letters block for 3 s. */
const pieceLength = 1024;

/** The first characters of a text that comes in pieces, and its length. */
export class Sample {
  text = "";
  chars = 0;

  add(text: string): void {
    if (this.text.length < sampled) this.text += text.slice(0, sampled);
    this.chars += text.length;
  }

  tokens(count: Count): number {
    const text = this.text.slice(0, sampled);
    let tokens = 0;
    for (let i = 0; i < text.length; i += pieceLength)
      tokens += count(text.slice(i, i + pieceLength));
    return text === "" ? 0 : Math.round((tokens * this.chars) / text.length);
  }
}

/**
 * The tokens of a prompt, with the 3 that frame each message and the 3 that begin the answer.
 *
 * @see https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken
 */
export function promptTokens(prompt: Prompt, count: Count): number {
  const sample = new Sample();
  if (typeof prompt === "string") sample.add(prompt);
  else for (const message of prompt) addMessage(sample, message);
  const framing = typeof prompt === "string" ? 0 : 3 * prompt.length + 3;
  return sample.tokens(count) + framing;
}

function addMessage(sample: Sample, message: PromptMessage): void {
  const { role, content } = Object(message) as PromptMessage;
  const contents = Array.isArray(content) ? content.map((part) => Object(part).text) : [content];
  for (const text of [role, ...contents]) if (typeof text === "string") sample.add(text);
}

let loading: Promise<Count | undefined> | undefined;

/**
 * gpt-tokenizer's `o200k_base`, the encoding of OpenAI's models since GPT-4o; undefined when the
 * package is not installed. The first call loads it: some 65 MiB.
 */
export function loadTokenizer(): Promise<Count | undefined> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Count | undefined> {
  try {
    const { countTokens, clearMergeCache } = await import("gpt-tokenizer/encoding/o200k_base");
    // Text such as <|endoftext|> is an error to it by default. Its cache would keep what was said.
    const options = { disallowedSpecial: new Set<string>() };
    return (text) => {
      const tokens = countTokens(text, options);
      clearMergeCache();
      return tokens;
    };
  } catch (error) {
    const { code } = Object(error) as { code?: unknown };
    const absent = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
    if (!absent) warn("gpt-tokenizer could not be loaded, so no usage is estimated", error);
    return undefined;
  }
}
