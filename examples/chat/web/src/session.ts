/** The token that says who asks. One for all tabs of the browser, renewed before it ends. */

interface Session {
  token: string;
  /** ms since 1970 */
  expiresAt: number;
}

const KEY = "session";
const RENEW_BEFORE_MS = 5 * 60_000;

function stored(): Session | undefined {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "") as Session;
  } catch {
    return undefined; // none, or none of ours
  }
}

const isFresh = (session: Session | undefined) =>
  session !== undefined && session.expiresAt - Date.now() > RENEW_BEFORE_MS;

async function renew(): Promise<Session> {
  const old = stored();
  if (old && isFresh(old)) return old; // another tab was first
  const headers = old && { Authorization: `Bearer ${old.token}` };
  const response = await fetch("/api/session", { method: "POST", ...(headers && { headers }) });
  if (!response.ok) throw new ApiError(response.status, "The server gave no token.");
  const session = (await response.json()) as Session;
  localStorage.setItem(KEY, JSON.stringify(session));
  return session;
}

let renewing: Promise<Session> | undefined;

export async function getToken(): Promise<string> {
  const session = stored();
  if (session && isFresh(session)) return session.token;
  // Tabs that open at once must not become two people. Locks are there in secure contexts only.
  const { locks } = navigator as { locks?: LockManager };
  renewing ??= locks ? locks.request(KEY, renew) : renew();
  try {
    return (await renewing).token;
  } finally {
    renewing = undefined;
  }
}

// Also while nothing is asked for: a token that has expired is renewed for nobody.
setInterval(() => void getToken().catch(() => {}), 60_000);

/** The token as it is, for what cannot wait for another. */
export const currentToken = () => stored()?.token ?? "";

/** What was sent last: a token that is refused may have been replaced by another tab since. */
let used: string | undefined;

/** Headers for a request; `renew` when the server has refused those before. */
export async function authorization(renew = false): Promise<Record<string, string>> {
  if (renew && stored()?.token === used) localStorage.removeItem(KEY);
  used = await getToken();
  return { Authorization: `Bearer ${used}` };
}

/** What the server answered instead; `message` is for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Why the server refuses, in its own words. */
async function reasonOf(response: Response): Promise<string> {
  const body = await response.json().catch(() => undefined);
  return body?.error?.message ?? `The server answered ${response.status}.`;
}

/** Asks for JSON. A token that the server refuses is replaced, once. */
export async function request<T>(path: string, method = "GET", renew = false): Promise<T> {
  const response = await fetch(path, { method, headers: await authorization(renew) });
  if (response.ok) return response.json();
  if (response.status === 401 && !renew) return request(path, method, true);
  throw new ApiError(response.status, await reasonOf(response));
}

/** `fetch` that tells why the server refuses; `undefined` when it does not. */
export function fetchTelling(onRefusal: (reason: string | undefined) => void): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    onRefusal(response.ok ? undefined : await reasonOf(response.clone()));
    return response;
  };
}
