// How many of this visit's uploads are done, failed and under way, in words. Pure: knows no card and no element.

const FAILED = ["failed", "dead", "refused"];
const OVER = [...FAILED, "done", "cancelled"];

/** Whether nothing more happens to an upload in this stage by itself. */
export const over = (stage) => OVER.includes(stage);

/** The counts of these stages: `total`, `done`, `failed`, `cancelled`, and `left`, which are under way. */
export function tally(stages) {
  const counts = { total: 0, done: 0, failed: 0, cancelled: 0, left: 0 };
  for (const stage of stages) {
    counts.total += 1;
    counts[FAILED.includes(stage) ? "failed" : over(stage) ? stage : "left"] += 1;
  }
  return counts;
}

/** 28 of 30 done, 2 failed. */
export function words({ total, done, failed, cancelled }) {
  const parts = [`${done} of ${total} done`, failed ? `${failed} failed` : "", cancelled ? `${cancelled} cancelled` : ""];
  return parts.filter(Boolean).join(", ");
}
