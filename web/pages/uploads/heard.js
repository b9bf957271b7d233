// Tells those who cannot see the cards what became of them: each failure by name at once, the count at most once in
// TELL_MS, and the end. Later changes, as by a requeue, change the sum alone. A log, not a status: a screen reader reads all of its lines, also those that come together.
import { byId, make, sayInDialogs, write } from "../dom.js";
import * as title from "../title.js";
import { tally, words } from "./tally.js";

const TELL_MS = 3000;
const LINES = 50;

const stages = new Map(); // by card
const restored = new WeakSet(); // of an earlier visit: in the sum, but not told
let running = false; // from chosen files until all are over
const doubted = new WeakSet();
let told = "";
let timer = 0;

/** Files were chosen: `cards` wait. If all of the earlier ones are over, the count begins anew. */
export function began(cards) {
  if (!tally(stages.values()).left) stages.clear();
  running = true;
  cards.forEach((card) => stages.set(card, "waiting"));
  tell(cards.length === 1 ? `Uploading ${cards[0].filename}.` : `Uploading ${cards.length} files.`);
  show();
}

/** A card of an earlier visit is shown again, in this stage. While files are uploaded, the sum is of these alone. */
export function recall(card, stage) {
  if (running || stages.has(card)) return;
  stages.set(card, stage);
  restored.add(card);
  show();
}

/** A card has reached this stage; `reason` if it failed. Those of an earlier visit are not told. */
export function reached(card, stage, reason = "") {
  if (!stages.has(card) || stages.get(card) === stage) return;
  stages.set(card, stage);
  if (restored.has(card)) return show();
  if (["failed", "dead", "refused"].includes(stage)) tell(`${card.filename} ${stage === "refused" ? "was refused" : "failed"}: ${reason}`);
  if (stage === "not confirmed" && !doubted.has(card)) tell(`${card.filename} is not confirmed. ${reason}.`);
  if (stage === "not confirmed") doubted.add(card); // once: the tries may be many
  show();
}

/** The card is gone. */
export function gone(card) {
  if (stages.delete(card)) show();
}

/** Whether there is a sum. */
export const any = () => stages.size > 0;

function show() {
  const counts = tally(stages.values());
  write(byId("summary"), counts.total ? words(counts) : "");
  title.progress(running && counts.left ? `${counts.total - counts.left}/${counts.total}` : "");
  if (!running) return;
  if (!counts.left) return count();
  timer ||= setTimeout(count, TELL_MS);
}

function count() {
  clearTimeout(timer);
  timer = 0;
  const counts = tally(stages.values());
  const now = counts.total && counts.total > counts.left ? `${words(counts)}.` : "";
  if (now && now !== told) tell(now);
  told = now;
  if (!counts.left) running = false;
}

function tell(text) {
  const log = byId("heard");
  log.append(make("p", {}, text));
  sayInDialogs(text);
  while (log.children.length > LINES) log.firstElementChild.remove();
}
