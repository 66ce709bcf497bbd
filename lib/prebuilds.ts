/**
 * The released binaries. Each is a literal URL, the one form that bundlers and file tracers
 * recognise and copy along; they fail on a literal whose file is missing, so packing checks (see
 * `scripts/check-pack.mjs`) that this list and `prebuilds/` are the same.
 */
export const prebuilds: Readonly<Record<string, () => URL>> = {
  "linux-x64": () => new URL("../prebuilds/linux-x64/stream-llm.node", import.meta.url),
  "linux-arm64": () => new URL("../prebuilds/linux-arm64/stream-llm.node", import.meta.url),
  "linux-x64-musl": () => new URL("../prebuilds/linux-x64-musl/stream-llm.node", import.meta.url),
  "linux-arm64-musl": () =>
    new URL("../prebuilds/linux-arm64-musl/stream-llm.node", import.meta.url),
  "darwin-x64": () => new URL("../prebuilds/darwin-x64/stream-llm.node", import.meta.url),
  "darwin-arm64": () => new URL("../prebuilds/darwin-arm64/stream-llm.node", import.meta.url),
};
