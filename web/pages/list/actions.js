// What can be done to one job, to the selected jobs, and to all that match the filters. Asks before what cannot be undone.
import { call, jobPath, query } from "../api.js";
import { attempt, confirmed, say } from "../dom.js";
import * as format from "../format.js";
import * as store from "../store.js";
import { matching, readFirst } from "./list.js";
import { allThatMatch, clear, selected } from "./selection.js";

const QUESTIONS = {
  purge: (jobs, state) => `Remove ${store.ENDED.includes(state) ? jobs : `those of ${jobs} that have ended`} and all their files for good?`,
  requeue: (jobs, state) => `Requeue ${store.REQUEUEABLE.includes(state) ? jobs : `those of ${jobs} that are failed, dead or cancelled`}?`,
};

const named = (id) => store.job(id)?.filename || id;

/** Requeue one job. */
export const requeue = (id) =>
  attempt(async () => {
    store.read(await call("POST", `${jobPath(id)}/requeue`));
    say(`Requeued ${named(id)}.`);
  });

/** Requeue one job, after asking: a single key is pressed too easily. */
export async function requeueAfterAsking(id) {
  const state = store.job(id)?.state;
  if (state && !store.REQUEUEABLE.includes(state)) return say(`${named(id)} is ${state}: only a failed, dead or cancelled job is requeued.`);
  if (await confirmed(`Requeue ${named(id)}?`, "Requeue")) await requeue(id);
}

/** Cancel one job. A running one is cancelled once its decoder has ended. */
export const cancel = (id) =>
  attempt(async () => {
    const { state } = await call("DELETE", jobPath(id)).then((job) => (store.read(job), job));
    say(`${state === "cancelled" ? "Cancelled" : "Cancelling"} ${named(id)}.`);
  });

/** Purge one ended job and its files, after asking. */
export async function purge(id) {
  const name = named(id);
  if (!(await confirmed(`Remove ${name} and all its files for good?`, "Purge"))) return;
  await attempt(async () => {
    await call("DELETE", `${jobPath(id)}?purge=true`);
    store.changed({ id, removed: true });
    say(`Purged ${name}.`);
  });
}

/** Requeue or purge each of the selected jobs, or all that match. */
export async function ofSelected(action) {
  if (allThatMatch()) return ofMatching(action);
  const chosen = [...selected];
  const whose = chosen.length === 1 ? "its" : "their";
  if (action === "purge" && !(await confirmed(`Remove ${format.count(chosen.length, "job")} and all ${whose} files for good?`, "Purge"))) return;
  let changedCount = 0;
  let reason = "";
  for (const id of chosen) {
    try {
      await (action === "purge" ? call("DELETE", `${jobPath(id)}?purge=true`) : call("POST", `${jobPath(id)}/requeue`));
      changedCount += 1;
    } catch (error) {
      reason = ` Not the others: ${error.message}`; // mostly the job has another state
    }
  }
  chosen.forEach((id) => selected.delete(id));
  say(`${changedCount} of ${format.count(chosen.length, "job")} ${action === "purge" ? "purged" : "requeued"}.${reason}`);
  await readFirst();
}

/** Requeue or purge those of all jobs that match the filters for which that is possible, after a question that tells
 * their number. */
export async function ofMatching(action) {
  const filters = matching();
  const [method, path] = action === "purge" ? ["DELETE", "jobs"] : ["POST", "jobs/requeue"];
  const asked = { ...filters, all: 1, ...(action === "purge" ? { purge: "true" } : {}) };
  await attempt(async () => {
    const { matched } = await call(method, path + query({ ...asked, dry_run: 1 }));
    const question = QUESTIONS[action](format.count(matched, "job"), filters.state);
    if (!(await confirmed(question, action === "purge" ? "Purge" : "Requeue"))) return;
    const { changed: done } = await call(method, path + query(asked));
    clear();
    say(`${format.count(done, "job")} ${action === "purge" ? "purged" : "requeued"}.`);
    await readFirst();
  });
}
