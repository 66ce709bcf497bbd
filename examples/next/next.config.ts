import type { NextConfig } from "next";

export default {
  // The engine is a file beside the package, so the package stays outside of the bundle.
  serverExternalPackages: ["stream-llm"],
} satisfies NextConfig;
