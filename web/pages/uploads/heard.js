// Tells those who cannot see the cards what became of them: each failure by name at once, the count at most once in
// TELL_MS, and the end. A log, not a status: a screen reader reads all of its lines, also those that come together.
import { byId, make, sayInDialogs, write } from "../dom.js";
import { tally, words } from "./tally.js";

const TELL_MS = 3000;
const LINES = 50;
const TITLE = document.title;

const stages = new Map(); // by card, of this visit
const doubted = new WeakSet();
let told = "";
let timer = 0;

/** Files were chosen: `cards` wait. If all of the earlier ones are over, the count begins anew. */
export function began(cards) {
  if (!tally(stages.values()).left) stages.clear();
  cards.forEach((card) => stages.set(card, "waiting"));
  tell(cards.length === 1 ? `Uploading ${cards[0].filename}.` : `Uploading ${cards.length} files.`);
  show();
}

/** A card of this visit has reached this stage; `reason` if it failed. Others are not counted. */
export function reached(card, stage, reason = "") {
  if (!stages.has(card) || stages.get(card) === stage) return;
  stages.set(card, stage);
  if (["failed", "dead", "refused"].includes(stage)) tell(`${card.filename} ${stage === "refused" ? "was refused" : "failed"}: ${reason}`);
  if (stage === "not confirmed" && !doubted.has(card)) tell(`${card.filename} is not confirmed. ${reason}.`);
  if (stage === "not confirmed") doubted.add(card); // once: the tries may be many
  show();
}

/** The card is gone. */
export function gone(card) {
  if (stages.delete(card)) show();
}

/** Whether a card of this visit is over. */
export const any = () => stages.size > 0;

function show() {
  const counts = tally(stages.values());
  write(byId("summary"), counts.total ? words(counts) : "");
  document.title = counts.left ? `${counts.total - counts.left}/${counts.total} ${TITLE}` : TITLE;
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
}

function tell(text) {
  const log = byId("heard");
  log.append(make("p", {}, text));
  sayInDialogs(text);
  while (log.children.length > LINES) log.firstElementChild.remove();
}
