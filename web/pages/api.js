// The HTTP API as this page uses it; every address is relative to the page's base.

const READ_MS = 15_000; // a read that takes longer is one of a server that stands still
const RETRY_MS = 1000;
const RETRY_MS_MAX = 30_000;

/**
 * The answer's JSON (null where it has none). Throws an Error with the problem's detail, the answer's status if there is
 * one, and `again`: after how many milliseconds the same may succeed, or undefined where it will not.
 */
export async function call(method, path) {
  const options = method === "GET" ? { method, signal: AbortSignal.timeout(READ_MS) } : { method };
  const response = await fetch(path, options).catch(() => null);
  if (!response) throw Object.assign(new Error("The server does not answer."), { again: RETRY_MS });
  const answer = response.status === 204 ? null : await response.json().catch(() => undefined);
  heardStatus(response.status);
  if (response.ok && answer !== undefined) return answer;
  const reason = answer?.detail ?? answer?.title ?? `the server answered ${response.status}`;
  const passing = response.ok || response.status === 429 || response.status >= 500;
  throw Object.assign(new Error(reason), { status: response.status, again: passing ? pause(response) : undefined });
}

function pause(response) {
  const seconds = Number(response.headers.get("Retry-After")) || 0;
  return Math.min(RETRY_MS_MAX, Math.max(RETRY_MS, seconds * 1000));
}

/** Tell the page's log-in where the server does not know who is calling (any more). */
export function heardStatus(status) {
  if (status === 401) dispatchEvent(new Event("unauthorized"));
}

/** The query text of these filters, empty ones left out. */
export function query(filters) {
  const set = Object.entries(filters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return set.length ? `?${new URLSearchParams(set)}` : "";
}

export const jobPath = (id) => `jobs/${encodeURIComponent(id)}`;
export const renditionPath = (id, name) => `${jobPath(id)}/renditions/${name}`;

/** The page's own absolute address of a path, for what is copied elsewhere. */
export const absolute = (path) => new URL(path, document.baseURI).href;
