// The jobs and statistics that this page knows, from reads and from the changes of live.js. Keeps the newest version of
// a job, by its `change` number. Knows no elements.

/** The states in which a job can be requeued, and all end states. */
export const REQUEUEABLE = ["dead", "failed", "cancelled"];
export const ENDED = [...REQUEUEABLE, "done"];

/** How many jobs are kept, and so listed at most. */
export const KEPT = 50_000;
const GONE = 2000;

const jobs = new Map();
const gone = new Set(); // removed jobs: a late answer must not bring them back
const listeners = new Map();
export let stats = null;
/** The reason why the statistics are out of date; empty while beats come. */
export let silence = "Connecting…";

/** Calls `listener(detail)` at every `name`: job, removed, stats, silent, reset. */
export function on(name, listener) {
  listeners.set(name, [...(listeners.get(name) ?? []), listener]);
}

function notify(name, detail) {
  (listeners.get(name) ?? []).forEach((listener) => listener(detail));
}

export const job = (id) => jobs.get(id);

/** A job from a read: replaces the known version, unless that is newer. Undefined if the job was removed. */
export function read(fresh) {
  if (gone.has(fresh.id)) return undefined;
  const known = jobs.get(fresh.id);
  if (known && known.change > fresh.change) return known;
  const { recipe, ...rest } = fresh; // the view of one job reads it itself
  keep({ ...known, ...rest });
  return jobs.get(fresh.id);
}

/** A job's change, from the stream. */
export function changed(change) {
  if (change.removed) return remove(change.id);
  if (gone.has(change.id)) return;
  const known = jobs.get(change.id);
  if (known && known.change > change.change) return;
  const place = known?.state === change.state ? {} : { queue_position: null, eta_seconds: null };
  const end = ENDED.includes(change.state) ? {} : { ended_at: null }; // of an earlier attempt, before a requeue
  keep({ renditions: [], filename: "", ...known, ...place, ...end, ...change });
}

/** The facts of a job's original are known. */
export function described(id, facts, change) {
  if (gone.has(id)) return;
  const known = jobs.get(id) ?? { id, renditions: [], filename: "", state: "running" };
  const { info, ...shown } = facts;
  const original = known.original && { original: { ...known.original, info } };
  keep({ ...known, ...shown, ...original, change: Math.max(known.change ?? -1, change) });
}

/** A rendition has landed. */
export function landed(id, rendition, change) {
  if (gone.has(id)) return;
  const known = jobs.get(id) ?? { id, renditions: [], filename: "", state: "running" };
  const others = known.renditions.filter((other) => other.name !== rendition.name);
  keep({ ...known, renditions: [...others, rendition], change: Math.max(known.change ?? -1, change) });
}

/** Statistics, from a beat. */
export function heardStats(fresh) {
  silence = "";
  stats = fresh;
  notify("stats", stats);
}

/** No beat comes, for this reason. */
export function silent(reason) {
  silence = reason;
  notify("silent", reason);
}

/** Changes were missed: all views read their jobs again. */
export const missed = () => notify("reset");

function remove(id) {
  jobs.delete(id);
  gone.add(id);
  if (gone.size > GONE) gone.delete(gone.values().next().value);
  notify("removed", id);
}

function keep(fresh) {
  jobs.delete(fresh.id);
  jobs.set(fresh.id, fresh);
  if (jobs.size > KEPT) jobs.delete(jobs.keys().next().value);
  notify("job", fresh);
}
