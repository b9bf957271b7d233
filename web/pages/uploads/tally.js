// How many of this visit's uploads are done, failed and under way, in words. Pure: knows no card and no element.

const FAILED = ["failed", "dead"];
const OVER = [...FAILED, "refused", "done", "cancelled"];

/** Whether nothing more happens to an upload in this stage by itself. */
export const over = (stage) => OVER.includes(stage);

/** The counts of these stages: `total`, `done`, `failed`, `refused`, `cancelled`, and `left`, which are under way. */
export function tally(stages) {
  const counts = { total: 0, done: 0, failed: 0, refused: 0, cancelled: 0, left: 0 };
  for (const stage of stages) {
    counts.total += 1;
    counts[FAILED.includes(stage) ? "failed" : over(stage) ? stage : "left"] += 1;
  }
  return counts;
}

/** 27 of 30 done, 2 failed, 1 refused: a failed one was a job, a refused one never was. */
export function words({ total, done, failed, refused, cancelled }) {
  const parts = [`${done} of ${total} done`, failed ? `${failed} failed` : "", refused ? `${refused} refused` : "", cancelled ? `${cancelled} cancelled` : ""];
  return parts.filter(Boolean).join(", ");
}
