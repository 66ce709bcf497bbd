import { Connection } from "./connection.js";
import type { NodeRequest } from "./node-exchange.js";

function parse(scheme: string, host: string, target: string): URL | undefined {
  try {
    // A target such as "//a/b" is a path here, and no URL without its scheme.
    const url = target.startsWith("/")
      ? new URL(`${scheme}://${host}${target}`)
      : new URL(target, `${scheme}://${host}`);
    url.username = "";
    url.password = "";
    return url;
  } catch {
    return undefined;
  }
}

/** The URL of a request. What comes from the client may be none: then the parts that are. */
export function urlOf(req: NodeRequest): URL {
  const { scheme: given, socket } = req as { scheme?: string; socket?: { encrypted?: boolean } };
  const scheme = given === "https" || socket?.encrypted ? "https" : "http";
  const host = req.headers.host ?? req.headers[":authority"];
  const fallback = Connection.constants.REQUEST_HOST;
  const target = req.url ?? "/";
  return (
    parse(scheme, String(host ?? fallback), target) ??
    parse(scheme, fallback, target) ??
    new URL(`${scheme}://${fallback}/`)
  );
}

/** The query of a request's target, if it has one. */
export function queryOf(target: string | undefined): URLSearchParams | undefined {
  const at = target?.indexOf("?") ?? -1;
  return at < 0 ? undefined : new URLSearchParams(target?.slice(at));
}
