export type { WatchOptions } from "./attach.js";
export type { GenerationAction, GenerationRequest, HandlerOptions } from "./exchange.js";
export { createGenerations, type Generation, type Generations } from "./generations.js";
export {
  type GenerationHandlers,
  type GenerationRoutes,
  generationHandlers,
  generationRoutes,
  type HandledRequest,
  type Handler,
} from "./handlers.js";
export type { GenerationLimits } from "./limits.js";
export { MemoryStore, type MemoryStoreOptions } from "./memory-store.js";
export type { GenerationsOptions, StartOptions } from "./options.js";
export type { GenerationSource } from "./run.js";
export type { GenerationState } from "./state.js";
export type {
  GenerationInfo,
  GenerationLease,
  GenerationProducer,
  GenerationStore,
  StoredGeneration,
} from "./store.js";
