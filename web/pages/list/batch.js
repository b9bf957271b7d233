// How far the batch of a job is: how many of its jobs have ended, and whether more may join it.
import { call } from "../api.js";
import { make } from "../dom.js";
import * as format from "../format.js";

/** The counts of the job's batch; null if the job came alone, or if they cannot be read now. */
export async function counts(job) {
  if (!job.batch || job.batch === job.id) return null;
  return call("GET", `batches/${encodeURIComponent(job.batch)}?jobs=0`).catch(() => null);
}

/** A line with a bar, or null. */
export function progress(batch) {
  if (!batch) return null;
  const states = Object.entries(batch.counts).map(([state, count]) => `${count} ${state}`);
  const told = `${batch.ended} of ${format.count(batch.total, "job")} ended`;
  const more = batch.open ? " · open: more may join" : "";
  const bar = make("progress", { max: Math.max(1, batch.total), value: batch.ended, "aria-label": "Jobs of the batch that have ended" });
  return make("p", { class: "batch" }, "Batch ", make("code", {}, batch.id), " ", bar, ` ${told}${more} (${states.join(", ")})`);
}
