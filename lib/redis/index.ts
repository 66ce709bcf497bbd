export { type RedisBackplaneOptions, redisBackplane } from "./backplane.js";
export type { RedisClient } from "./client.js";
export {
  type RedisGenerationStore,
  type RedisGenerationStoreOptions,
  redisGenerationStore,
} from "./generation-store.js";
