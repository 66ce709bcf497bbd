export type { PartReader, ReaderOptions } from "./reader.js";
export {
  readAnthropic,
  readGemini,
  readOpenAIChat,
  readOpenAIResponses,
  readParts,
} from "./readers.js";
export type { ProviderSource, ResponseLike } from "./source.js";
