/** A content coding and its weight. RFC 9110, 12.4.2 and 12.5.3. */
const weighted = /^\s*([^\s;]+)\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$/i;

/**
 * Whether a client that sends this `Accept-Encoding` is to get gzip: it says that it takes it, and
 * does not like no coding (`identity`) better. An entry that cannot be read counts for nothing.
 */
export function prefersGzip(acceptEncoding: string): boolean {
  const weights = new Map<string, number>();
  for (const entry of acceptEncoding.split(",")) {
    const [, coding, weight = "1"] = weighted.exec(entry) ?? [];
    if (coding) weights.set(coding.toLowerCase(), Number(weight));
  }
  const gzip = weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0;
  return gzip > 0 && gzip >= (weights.get("identity") ?? 0);
}
