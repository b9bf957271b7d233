// This reader's own uploads: each file's progress, cancel and retry, its place in the queue, its renditions.
// The browser stores their ids, so a reload shows them again.
import { call, heardStatus, jobPath, renditionPath } from "./api.js";
import { attempt, byId, make, say } from "./dom.js";
import * as format from "./format.js";
import { lacks } from "./session.js";
import * as store from "./store.js";

const KEPT = 30;
const STORED = "pixmill.uploads";
const TOGETHER = 4;
const ASKED = 4;

const list = byId("uploads");
const cards = new Map();
const waiting = [];
let sending = 0;
let asking = false;
let restoring = 0;

/** Upload these files, a few at once. */
export function upload(files) {
  if (lacks("write")) return files.length && say("This key may read, but not upload.");
  for (const file of files) {
    const card = newCard(file.name);
    card.file = file;
    card.key = crypto.getRandomValues(new Uint32Array(4)).join("-");
    enqueue(card);
  }
}

/** Read the uploads of earlier visits again. */
export async function restore() {
  for (const id of remembered().reverse()) {
    try {
      const job = store.read(await call("GET", jobPath(id)));
      if (job && !cards.has(id)) adopt(newCard(job.filename), id);
    } catch (error) {
      if (error.status === 404) forget(id); // purged meanwhile
      if (error.again) restoring ||= setTimeout(restoreAgain, error.again);
    }
  }
}

function restoreAgain() {
  restoring = 0;
  restore();
}

/** Show a job's newest state on its card, if it has one. */
export function showJob(job) {
  const card = cards.get(job.id);
  if (!card) return;
  const reason = job.error && job.state !== "done" ? job.error.detail : "";
  const small = job.state === "done" && job.original ? format.saved(job) : "";
  card.state.textContent = job.state;
  card.state.className = `state ${job.state}`;
  card.note.textContent = [format.place(job), reason, small].filter(Boolean).join(" · ");
  job.renditions.forEach((rendition) => showRendition(card, job, rendition));
  const over = store.ENDED.includes(job.state);
  buttons(card, over ? [] : [["Cancel", () => cancel(job.id)]]);
  if (over) trim();
}

/** A second has passed: places in the queue may have changed. Read some of the waiting jobs, in turn. */
export async function beat() {
  if (asking || document.hidden) return;
  const due = [...cards].filter(([id]) => store.job(id) && !store.ENDED.includes(store.job(id).state));
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
  cards.get(id)?.item.remove();
  cards.delete(id);
  forget(id);
}

function newCard(name) {
  const card = {
    state: make("span", { class: "state" }, "waiting"),
    name: make("span", { class: "name" }, name || "upload"),
    note: make("span", { class: "quiet" }),
    bar: make("progress", { max: "1", value: "0", "aria-label": `upload of ${name}`, hidden: true }),
    actions: make("span", { class: "actions" }),
    pictures: make("div", { class: "pictures" }),
    askedAt: 0,
  };
  card.item = make("li", { class: "card" }, make("div", { class: "line" }, card.state, card.name, card.note, card.bar, card.actions), card.pictures);
  list.prepend(card.item);
  return card;
}

/** Remove the oldest cards of ended jobs. */
function trim() {
  for (const [id, card] of cards) {
    if (cards.size <= KEPT) return;
    if (!store.ENDED.includes(store.job(id)?.state)) continue;
    card.item.remove();
    cards.delete(id);
  }
}

function enqueue(card) {
  card.state.textContent = "waiting";
  card.state.className = "state";
  card.note.textContent = "";
  waiting.push(card);
  buttons(card, [["Cancel", () => giveUp(card, waiting.splice(waiting.indexOf(card), 1))]]);
  next();
}

function next() {
  while (sending < TOGETHER && waiting.length) {
    sending += 1;
    send(waiting.shift()).finally(() => {
      sending -= 1;
      next();
    });
  }
}

/** Send one file. A retry has the same key, so no file is accepted twice. */
function send(card) {
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("image", card.file);
  card.state.textContent = "uploading";
  card.bar.hidden = false;
  request.upload.onprogress = ({ loaded, total }) => (card.bar.value = total ? loaded / total : 0);
  buttons(card, [["Cancel", () => request.abort()]]);
  return new Promise((ended) => {
    request.onabort = () => giveUp(card);
    request.onerror = () => refuse(card, "the connection broke");
    request.onload = () => answered(card, request);
    request.onloadend = () => {
      card.bar.hidden = true;
      ended();
    };
    request.open("POST", "upload");
    request.setRequestHeader("Idempotency-Key", card.key);
    request.send(form);
  });
}

function answered(card, request) {
  let answer = {};
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    // a proxy's page, not our answer
  }
  heardStatus(request.status);
  if (request.status !== 202) return refuse(card, answer.detail ?? `the server answered ${request.status}`);
  say(`${card.file.name} was accepted.`);
  card.file = null;
  adopt(card, answer.id);
  call("GET", jobPath(answer.id)).then(store.read, () => {});
}

function adopt(card, id) {
  cards.set(id, card);
  card.name.replaceChildren(make("a", { href: `?job=${id}`, "data-job": id }, card.name.textContent));
  localStorage.setItem(STORED, JSON.stringify([id, ...remembered().filter((other) => other !== id)].slice(0, KEPT)));
  const known = store.job(id);
  if (known) showJob(known);
  trim();
}

function refuse(card, reason) {
  card.state.textContent = "refused";
  card.state.className = "state failed";
  card.note.textContent = reason;
  say(`${card.file.name} was refused: ${reason}`);
  buttons(card, [["Retry", () => enqueue(card)]]);
}

function giveUp(card) {
  card.state.textContent = "cancelled";
  card.state.className = "state cancelled";
  buttons(card, [["Retry", () => enqueue(card)]]);
}

function buttons(card, wanted) {
  const present = [...card.actions.children].map((button) => button.textContent).join();
  if (present === wanted.map(([name]) => name).join() && present !== "Cancel") return;
  card.actions.replaceChildren(
    ...wanted.map(([name, onclick]) => make("button", { type: "button", disabled: lacks("write"), onclick, "aria-label": `${name} ${card.name.textContent}` }, name)),
  );
}

function showRendition(card, job, rendition) {
  if ([...card.pictures.children].some((figure) => figure.dataset.name === rendition.name)) return;
  const image = make("img", {
    src: new URL(renditionPath(job.id, rendition.name), document.baseURI).pathname,
    alt: `${rendition.name} of ${card.name.textContent}`,
    width: rendition.width,
    height: rendition.height,
    loading: "lazy",
  });
  const size = `${rendition.width}×${rendition.height} ${rendition.format}\n${format.bytes(rendition.bytes)}`;
  card.pictures.append(make("figure", { "data-name": rendition.name }, image, make("figcaption", {}, make("strong", {}, rendition.name), ` ${size}`)));
}

const cancel = (id) => attempt(async () => store.read(await call("DELETE", jobPath(id))));

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "[]");
  } catch {
    return [];
  }
}

function forget(id) {
  localStorage.setItem(STORED, JSON.stringify(remembered().filter((other) => other !== id)));
}
