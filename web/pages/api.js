// The HTTP API as this page uses it; every address is relative to the page's base.

const READ_MS = 15_000; // a read that takes longer: the server hangs
const RETRY_MS = 1000;
const RETRY_MS_MAX = 30_000;

/**
 * The answer's JSON (null if it has none). Throws an Error with the problem's detail and the answer's status, if there
 * is one. Its `again` is the number of milliseconds after which a retry may succeed, or undefined if none will.
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
  throw Object.assign(new Error(reason), { status: response.status, parameter: answer?.parameter, again: passing ? pause(response) : undefined });
}

function pause(response) {
  const seconds = Number(response.headers.get("Retry-After")) || 0;
  return Math.min(RETRY_MS_MAX, Math.max(RETRY_MS, seconds * 1000));
}

/** Call the page's log-in if the server does not know the caller (any more). */
export function heardStatus(status) {
  if (status === 401) dispatchEvent(new Event("unauthorized"));
}

/** The query text of these filters, without empty ones. */
export function query(filters) {
  const set = Object.entries(filters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return set.length ? `?${new URLSearchParams(set)}` : "";
}

export const jobPath = (id) => `jobs/${encodeURIComponent(id)}`;
export const renditionPath = (id, name) => `${jobPath(id)}/renditions/${name}`;

/** The absolute address of a path, for text that is copied elsewhere. */
export const absolute = (path) => new URL(path, document.baseURI).href;
