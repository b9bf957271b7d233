// What this browser stores of its uploads, so that a reload shows them again: the ids of jobs, and the files that were
// refused, which never were jobs.

const STORED = "pixmill.uploads";
const REFUSED = "pixmill.refused";
const OLDER = "pixmill.older";
const LETTERS = 200; // of a name or a reason

/** How many ids and cards are kept, and how many refused files. */
export const KEPT = 30;

/** The ids, newest first. */
export const remembered = () => list(STORED);

export function remember(id) {
  const all = [id, ...remembered().filter((other) => other !== id)];
  if (all.length > KEPT) localStorage.setItem(OLDER, "1");
  store(STORED, all.slice(0, KEPT));
}

export function forget(id) {
  store(STORED, remembered().filter((other) => other !== id));
}

/** Whether there were more than are kept, since the finished ones were cleared. */
export const older = () => localStorage.getItem(OLDER) !== null;

/** The refused files, newest first: `{ name, reason }`. */
export const refusals = () => list(REFUSED).filter((each) => typeof each?.name === "string" && typeof each.reason === "string");

export function rememberRefusal(name, reason) {
  store(REFUSED, [{ name: name.slice(0, LETTERS), reason: reason.slice(0, LETTERS) }, ...refusals()].slice(0, KEPT));
}

/** The finished ones were cleared. */
export function forgetFinished() {
  localStorage.removeItem(REFUSED);
  localStorage.removeItem(OLDER);
}

function list(name) {
  try {
    const kept = JSON.parse(localStorage.getItem(name) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

const store = (name, all) => localStorage.setItem(name, JSON.stringify(all));
