/** `stream-llm/adapters` where the engine can be loaded; browsers get `index.ts`, the readers. */
export { AnthropicAdapter, OpenAIAdapter } from "./adapters.js";
export * from "./index.js";
export type { AdapterOptions } from "./relay.js";
