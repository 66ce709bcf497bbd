import { SignJWT } from "jose";
import type { Demo } from "./demo-server.ts";

/** Of a server whose tokens a test makes itself. */
export const secret = "0123456789abcdef0123456789abcdef";

/** A token as the server makes it, but for what is given. */
export function sign({
  key = secret,
  expires = "1 h",
  audience = "stream-llm-chat",
  sub = "a",
} = {}): Promise<string> {
  const jwt = new SignJWT().setProtectedHeader({ alg: "HS256" }).setIssuer("stream-llm-chat");
  jwt.setAudience(audience).setSubject(sub).setExpirationTime(expires);
  return jwt.sign(new TextEncoder().encode(key));
}

export interface Asked {
  method?: string;
  /** None: as a stranger. */
  token?: string;
  /** Sent as JSON; a string as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Asks the demo's API; a body makes it a POST. */
export function ask(demo: Demo, path: string, asked: Asked = {}): Promise<Response> {
  const { token, body, method = body === undefined ? "GET" : "POST", headers, signal } = asked;
  return fetch(`${demo.origin}/api${path}`, {
    method,
    headers: {
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "Content-Type": "application/json" }),
      ...headers,
    },
    body: body === undefined || typeof body === "string" ? (body ?? null) : JSON.stringify(body),
    signal: signal ?? null,
  });
}

/** The `code` of a refusal, after its status. */
export async function refusalOf(response: Response): Promise<string> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  if (!error.message) throw new Error("a refusal says why");
  return `${response.status} ${error.code}`;
}
