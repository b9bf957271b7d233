// This reader's own uploads, as cards: from the chosen file to the renditions. Owns which cards there are, and which
// card is which job's. The browser stores their ids, so a reload shows them again.
import { call, jobPath, renditionPath } from "../api.js";
import { byId, say } from "../dom.js";
import * as format from "../format.js";
import { cancel, requeue } from "../list/actions.js";
import { lacks } from "../session.js";
import * as store from "../store.js";
import { buttons, link, mark, newCard, remove, showPreview, showRendition } from "./card.js";
import * as files from "./files.js";
import * as heard from "./heard.js";
import * as kept from "./kept.js";
import { chosen } from "./presets.js";
import * as sending from "./sending.js";
import { over } from "./tally.js";

const ASKED = 4;
const RETRIED = ["dead", "cancelled"]; // the same image would fail again

const list = byId("uploads");
const cards = new Map(); // by job
const unaccepted = new Set();
let asking = false;
let restoring = 0;
let refusalsShown = false;

/** Upload these files, a few at once. */
export function upload(given) {
  if (lacks("write")) return given.length && say("This key may read, but not upload.");
  if (!given.length) return;
  const fresh = given.map((file) => sender(file));
  heard.began(fresh);
  given.forEach((file, index) => {
    const reason = files.reasonAgainst(file);
    if (reason) fresh[index].refused(reason);
    else sending.enqueue(fresh[index], file, chosen());
  });
  tidy();
}

/** Upload the images of a folder. */
export function uploadFolder(within) {
  const { images, others } = files.sorted(within);
  upload(images);
  if (others || !images.length) say(`${format.count(images.length, "image")} of the folder, ${format.count(others, "other file")} left out.`);
}

/** A new card that hears what becomes of its file. */
function sender(file) {
  const card = newCard(file.name);
  unaccepted.add(card);
  list.prepend(card.item);
  const stage = (name, note, looks, wanted) => {
    mark(card, name, note, looks);
    buttons(card, wanted);
    card.bar.hidden = name !== "uploading";
    card.stage = name;
    heard.reached(card, name, note);
  };
  const cancel = ["Cancel", () => sending.stop(card)];
  const retry = ["Retry", () => sending.retry(card)];
  return Object.assign(card, {
    waits: () => stage("waiting", "", "", [cancel]),
    sends: () => stage("uploading", "", "", [cancel]),
    progress: (share) => (card.bar.value = share),
    accepted: (id) => accepted(card, id),
    again: (reason, ms, maybe) => stage(maybe ? "not confirmed" : "waiting", again(reason, ms), "", [["Retry now", retry[1]], cancel]),
    refused: (reason) => (stage("refused", reason, "failed", []), kept.rememberRefusal(card.filename, reason), tidy()),
    stopped: (maybe) => (stage("cancelled", maybe ? "it may be a job already" : "", "cancelled", [retry]), say(`Cancelled ${card.filename}.`), tidy()),
  });
}

const again = (reason, ms) => `${reason.replace(/\.$/, "")}: ${ms ? `trying again in ${format.duration(ms / 1000)}` : "log in, and it goes on"}`;

function accepted(card, id) {
  unaccepted.delete(card);
  card.sent = null;
  card.bar.hidden = true;
  adopt(card, id);
  call("GET", jobPath(id)).then(store.read, () => {});
}

function adopt(card, id) {
  const twin = cards.get(id);
  if (twin && twin !== card) remove(twin);
  cards.set(id, card);
  link(card, id);
  kept.remember(id);
  const known = store.job(id);
  if (known) showJob(known);
  else mark(card, "accepted", "", ""), buttons(card, []);
  trim();
}

/** Read the uploads of earlier visits again. */
export async function restore() {
  restoreRefusals();
  for (const id of kept.remembered().reverse()) {
    try {
      const job = store.read(await call("GET", jobPath(id)));
      if (!job || cards.has(id)) continue;
      const card = newCard(job.filename);
      list.prepend(card.item);
      adopt(card, id);
      heard.recall(card, job.state);
    } catch (error) {
      if (error.status === 404) kept.forget(id); // purged meanwhile
      if (error.again) restoring ||= setTimeout(restoreAgain, error.again);
    }
  }
}

/** The refused files of earlier visits, once. */
function restoreRefusals() {
  if (refusalsShown) return;
  refusalsShown = true;
  for (const { name, reason } of kept.refusals()) {
    const card = newCard(name);
    card.stage = "refused";
    mark(card, "refused", reason, "failed");
    unaccepted.add(card);
    list.append(card.item);
    heard.recall(card, "refused");
  }
  tidy();
}

function restoreAgain() {
  restoring = 0;
  restore();
}

/** Show a job's newest state on its card, if it has one. */
export function showJob(job) {
  const card = cards.get(job.id);
  if (!card) return;
  const ended = store.ENDED.includes(job.state);
  const reason = job.error && job.state !== "done" ? job.error.detail : "";
  mark(card, job.state, [ended ? "" : held(job), format.place(job), reason].filter(Boolean).join(" · "));
  showPreview(card, job);
  (job.renditions ?? []).forEach((rendition) => showRendition(card, job, rendition));
  if (ended) buttons(card, RETRIED.includes(job.state) ? [["Retry", () => requeue(job.id)]] : []);
  else buttons(card, [["Cancel", () => cancel(job.id)]]);
  card.stage = job.state;
  heard.reached(card, job.state, reason);
  if (ended) trim();
  tidy();
}

/** Why a job that waits is not taken now. */
function held({ state }) {
  if (!store.stats || state === "running") return "";
  if (store.stats.queue.paused) return "The queue is paused: it waits until an operator resumes";
  return store.stats.workers.some((worker) => worker.state !== "draining") ? "" : "No worker takes jobs now: it waits for one";
}

/** A second has passed: places in the queue may have changed. Read some of the waiting jobs, in turn. */
export async function beat() {
  const due = [...cards].filter(([id]) => store.job(id) && !store.ENDED.includes(store.job(id).state));
  due.forEach(([id]) => showJob(store.job(id)));
  if (asking || document.hidden) return;
  due.sort(([, one], [, other]) => one.askedAt - other.askedAt);
  asking = true;
  await Promise.allSettled(
    due.slice(0, ASKED).map(async ([id, card]) => {
      card.askedAt = performance.now();
      store.read(await call("GET", jobPath(id)));
    }),
  );
  asking = false;
}

/** The job is gone. */
export function removed(id) {
  const card = cards.get(id);
  if (card) discard(card, id);
  kept.forget(id);
  if (card) heard.gone(card);
  tidy();
}

/** Remove the cards of all uploads that are over. Their jobs stay. */
export function clear() {
  const before = cards.size + unaccepted.size;
  for (const card of [...unaccepted]) if (over(card.stage)) discard(card);
  for (const [id, card] of cards) {
    if (!over(card.stage)) continue;
    discard(card, id);
    kept.forget(id);
  }
  kept.forgetFinished();
  tidy();
  say(`Cleared ${format.count(before - cards.size - unaccepted.size, "upload")} from this page.`);
  byId("files").focus();
}

function discard(card, id) {
  remove(card);
  unaccepted.delete(card);
  if (cards.get(id) === card) cards.delete(id);
}

/** Remove the oldest cards of ended jobs. */
function trim() {
  for (const [id, card] of cards) {
    if (cards.size <= kept.KEPT) return;
    if (over(card.stage)) discard(card, id);
  }
}

function tidy() {
  const all = [...cards.values(), ...unaccepted];
  byId("clear").disabled = !all.some((card) => over(card.stage));
  byId("summary-line").hidden = !all.length && !heard.any();
  byId("older").hidden = !kept.older();
  for (const id of ["download-all", "copy-all"]) byId(id).hidden = ![...cards.keys()].some((job) => taken(job).length);
}

/** The renditions of a job that is done. */
const taken = (id) => {
  const job = store.job(id);
  return job?.state === "done" ? job.renditions.map(({ name }) => renditionPath(id, name)) : [];
};

/** The paths of all renditions of the cards, as they are shown. */
export const all = () => [...cards.keys()].reverse().flatMap(taken);
