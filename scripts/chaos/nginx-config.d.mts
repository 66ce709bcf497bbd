/** Configurations of nginx; see nginx-config.mjs. */
export function configOf(options: {
  which: "recommended" | "default";
  port: number;
  ports: readonly number[];
  home: string;
}): string;
