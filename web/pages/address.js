// The page's address: which view it names, which filters, which open job. Owns history; knows no view.

/** The filters of the list, as query parameters. */
export const FILTERS = ["state", "code", "reference", "tenant", "accepted_after", "accepted_before", "find", "sort"];

/** What the address asks for. A filter asks for the view of the jobs. */
export function asked() {
  const query = new URLSearchParams(location.search);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name)]).filter(([, value]) => value));
  const jobs = query.get("view") === "jobs" || Object.keys(filters).length > 0;
  return { view: jobs ? "jobs" : "upload", filters, job: query.get("job") };
}

/** Go to the view of the jobs with these filters changed; an empty one is removed. Nothing happens if none changes. */
export function filter(changes) {
  const { view: shown, filters } = asked();
  if (shown === "jobs" && FILTERS.every((name) => !(name in changes) || (changes[name] ?? "") === (filters[name] ?? ""))) return;
  const query = new URLSearchParams(location.search);
  set(query, changes);
  query.delete("view");
  if (!FILTERS.some((name) => query.has(name))) query.set("view", "jobs");
  push(query);
}

/** Go to a view, without filters. */
export const view = (name) => push(new URLSearchParams(name === "jobs" ? { view: "jobs" } : {}));

/** Open a job beside what is shown. */
export function open(job) {
  const query = new URLSearchParams(location.search);
  set(query, { job });
  push(query, { opened: true });
}

/** Close the open job: back to where it was opened, so that Back does not open it again. */
export function close() {
  if (!asked().job) return;
  if (history.state?.opened) return history.back();
  const query = new URLSearchParams(location.search);
  query.delete("job");
  history.replaceState(null, "", text(query));
  dispatchEvent(new PopStateEvent("popstate"));
}

function set(query, changes) {
  for (const [name, value] of Object.entries(changes)) value ? query.set(name, value) : query.delete(name);
}

function push(query, state = null) {
  history.pushState(state, "", text(query));
  dispatchEvent(new PopStateEvent("popstate"));
}

const text = (query) => (query.size ? `?${query}` : location.pathname);
