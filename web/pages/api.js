// The HTTP API as this page uses it; every address is relative to the page's base.

/** The answer's JSON (null where it has none). Throws an Error with the problem's detail and the answer's status. */
export async function call(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  const response = await fetch(path, options);
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  heardStatus(response.status);
  if (!response.ok) {
    const reason = answer?.detail ?? answer?.title ?? `the server answered ${response.status}`;
    throw Object.assign(new Error(reason), { status: response.status });
  }
  return answer;
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
