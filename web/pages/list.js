// All jobs that match the filters, newest first. Only the visible rows are elements. The page's URL holds the filters.
// Has the selection, and the actions on one job, on the selected jobs, and on all that match.
import { call, jobPath, query } from "./api.js";
import { attempt, byId, confirmed, make, say, write } from "./dom.js";
import * as format from "./format.js";
import { lacks } from "./session.js";
import * as store from "./store.js";

const ROW_PX = 44;
const PAGE = 200;
const KEPT = 2000;
const REREAD_MS = 1000;
const REDRAW_MS = 100;
const TOGETHER = 25;

const frame = byId("jobs-frame");
const list = byId("jobs");
const rows = new Map();
const selected = new Set();
let ids = [];
let listed = new Set();
let filters = {};
let more = null;
let current = null;
let readings = 0;
let shownReading = 0;
let furtherOf = null;
let unread = "Reading…"; // the reason why nothing is listed yet for these filters; empty once there is an answer
let taking = false; // true while a page is taken in: its own changes must not cause another read
let planned = false;
let rereading = 0;
let redraw = 0;

/** Read the filters from the page's URL, and show the jobs that match. Until the answer comes, nothing is listed: the
 * buttons for all that match would not act on the jobs of the earlier filters. */
export async function open(shown) {
  filters = shown;
  unread = "Reading…";
  byId("f-state").value = filters.state ?? "";
  byId("f-code").value = filters.code ?? "";
  byId("f-reference").value = filters.reference ?? "";
  selected.clear();
  ids = [];
  listed = new Set();
  more = null;
  current = null;
  frame.scrollTop = 0;
  draw();
  await readFirst();
}

/** Read the newest page again. Older rows stay if they adjoin it. An answer is void if a later one came first. */
export async function readFirst() {
  const [asked, reading] = [filters, ++readings];
  const overtaken = () => asked !== filters || reading < shownReading;
  let page;
  try {
    page = await call("GET", `jobs${query({ ...asked, limit: PAGE })}`);
  } catch (error) {
    if (overtaken()) return;
    if (unread && !error.again) unread = "The jobs could not be read.";
    plan();
    return failed(error, reread);
  }
  const fresh = await readAll(page.jobs);
  if (overtaken()) return;
  shownReading = reading;
  const joint = fresh.length ? ids.indexOf(fresh.at(-1)) : -1;
  if (joint < 0) more = page.next;
  ids = joint < 0 ? fresh : [...fresh, ...ids.slice(joint + 1)].slice(0, KEPT);
  listed = new Set(ids);
  unread = "";
  plan();
}

/** Take in a page's jobs, a few at a time, so that the browser can work in between. Returns their ids. */
async function readAll(jobs) {
  const taken = [];
  for (let first = 0; first < jobs.length; first += TOGETHER) {
    taking = true;
    taken.push(...jobs.slice(first, first + TOGETHER).filter(store.read).map(({ id }) => id));
    taking = false;
    await new Promise((resolve) => setTimeout(resolve));
  }
  return taken;
}

/** Show why the read failed. If a retry may succeed, there is one. */
function failed(error, again) {
  say(error.message);
  if (error.again) again(error.again);
}

/** Read the next page, one at a time. Ignore it if the list was begun anew meanwhile. */
async function readMore() {
  if (!more || furtherOf === filters || ids.length >= KEPT) return;
  const [asked, after] = [filters, more];
  furtherOf = asked;
  const over = () => {
    if (furtherOf === asked) furtherOf = null;
    plan();
  };
  try {
    const page = await call("GET", `jobs${query({ ...asked, limit: PAGE, after })}`);
    const further = await readAll(page.jobs);
    if (asked === filters && after === more) take(further, page.next);
    over();
  } catch (error) {
    if (asked === filters) failed(error, (ms) => setTimeout(over, ms));
  }
}

function take(further, next) {
  const fresh = further.filter((id) => !listed.has(id));
  ids.push(...fresh);
  fresh.forEach((id) => listed.add(id));
  more = next;
}

/** A job changed: change its row. A job that is new here is read with the next page. */
export function changed(job) {
  const matches = (!filters.state || filters.state === job.state) && (!filters.code || filters.code === job.error?.code);
  if (listed.has(job.id) && !matches) drop(job.id);
  if (!taking && !listed.has(job.id) && matches) reread(REREAD_MS);
  redraw ||= setTimeout(plan, REDRAW_MS);
}

function reread(ms) {
  rereading ||= setTimeout(() => {
    rereading = 0;
    readFirst();
  }, ms);
}

function drop(id) {
  if (listed.delete(id)) ids.splice(ids.indexOf(id), 1);
}

/** A job is gone. */
export function removed(id) {
  drop(id);
  selected.delete(id);
  plan();
}

/** Move the marker by this many rows. */
export function move(by) {
  if (!ids.length) return;
  const index = Math.min(ids.length - 1, Math.max(0, ids.indexOf(current) + by));
  current = ids[index];
  const top = index * ROW_PX;
  if (top < frame.scrollTop) frame.scrollTop = top;
  if (top + ROW_PX > frame.scrollTop + frame.clientHeight) frame.scrollTop = top + ROW_PX - frame.clientHeight;
  draw();
  rows.get(current)?.link.focus();
}

/** The marked job's id, or undefined. The marker stays with its job when the job moves. */
export const marked = () => ids.find((id) => id === current);

/** Requeue one job. */
export const requeue = (id) => attempt(async () => store.read(await call("POST", `${jobPath(id)}/requeue`)), "Requeued.");

/** Cancel one job. */
export const cancel = (id) => attempt(async () => store.read(await call("DELETE", jobPath(id))), "Cancelling.");

/** Purge one ended job and its files, after asking. */
export async function purge(id) {
  const name = store.job(id)?.filename || id;
  if (!(await confirmed(`Remove ${name} and all its files for good?`, "Purge"))) return;
  await attempt(async () => {
    await call("DELETE", `${jobPath(id)}?purge=true`);
    store.changed({ id, removed: true });
  }, "Purged.");
}

/** Requeue or purge each of the selected jobs. */
export async function ofSelected(action) {
  const chosen = [...selected];
  if (action === "purge" && !(await confirmed(`Remove ${format.count(chosen.length, "job")} and all their files for good?`, "Purge"))) return;
  let changedCount = 0;
  for (const id of chosen) {
    try {
      await (action === "purge" ? call("DELETE", `${jobPath(id)}?purge=true`) : call("POST", `${jobPath(id)}/requeue`));
      changedCount += 1;
    } catch {
      // counted below: the job has another state meanwhile
    }
  }
  chosen.forEach((id) => selected.delete(id));
  say(`${changedCount} of ${format.count(chosen.length, "job")} ${action === "purge" ? "purged" : "requeued"}.`);
  await readFirst();
}

/** Requeue or purge all jobs that match the filters, after a question that tells their number. */
export async function ofMatching(action) {
  const [method, path] = action === "purge" ? ["DELETE", "jobs"] : ["POST", "jobs/requeue"];
  const asked = action === "purge" ? { ...filters, purge: "true" } : filters;
  await attempt(async () => {
    const { matched } = await call(method, path + query({ ...asked, dry_run: 1 }));
    const question = action === "purge" ? `Remove ${format.count(matched, "job")} and all their files for good?` : `Requeue ${format.count(matched, "job")}?`;
    if (!(await confirmed(question, action === "purge" ? "Purge" : "Requeue"))) return;
    const { changed: done } = await call(method, path + query(asked));
    say(`${format.count(done, "job")} ${action === "purge" ? "purged" : "requeued"}.`);
    await readFirst();
  });
}

function plan() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    clearTimeout(redraw);
    redraw = 0;
    draw();
  });
}

function draw() {
  const first = Math.max(0, Math.floor(frame.scrollTop / ROW_PX) - 5);
  const last = Math.min(ids.length, first + Math.ceil(frame.clientHeight / ROW_PX) + 10);
  const inSight = new Set(ids.slice(first, last));
  for (const [id, row] of rows) {
    if (inSight.has(id)) continue;
    row.item.remove();
    rows.delete(id);
  }
  let place = 0;
  for (let index = first; index < last; index += 1) {
    const item = drawRow(ids[index], index);
    if (!item) continue;
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null); // screen readers follow the order of the elements
    place += 1;
  }
  if (!unread) list.style.height = `${ids.length * ROW_PX}px`; // otherwise the page would shrink and grow at each filter
  frame.setAttribute("aria-busy", String(unread === "Reading…"));
  write(byId("jobs-count"), unread || counted());
  drawActions();
  if (last >= ids.length - 5) readMore();
}

const counted = () => (ids.length ? `${format.count(ids.length, "job")}${more ? " and more" : ""}` : "No job matches.");

function drawRow(id, index) {
  const job = store.job(id);
  if (!job) return null;
  let row = rows.get(id);
  if (!row) {
    row = newRow(id);
    rows.set(id, row);
  }
  if (row.index !== index) {
    row.index = index;
    row.item.style.transform = `translateY(${index * ROW_PX}px)`;
    row.item.setAttribute("aria-posinset", index + 1);
  }
  if (row.size !== ids.length) {
    row.size = ids.length;
    row.item.setAttribute("aria-setsize", ids.length);
  }
  row.item.classList.toggle("current", id === current);
  row.box.checked = selected.has(id);
  if (row.change === job.change && row.name === job.filename) return row.item;
  Object.assign(row, { change: job.change, name: job.filename });
  row.state.textContent = job.state;
  row.state.className = `state ${job.state}`;
  row.link.textContent = job.filename || id;
  row.box.setAttribute("aria-label", `Select ${job.filename || id}`);
  const reason = job.error && job.state !== "done" ? `${job.error.code}: ${job.error.detail}` : "";
  row.facts.textContent = job.accepted_at ? facts(job) : "";
  row.note.textContent = [job.attempts > 1 ? `${job.attempts} attempts` : "", reason].filter(Boolean).join(" · ");
  return row.item;
}

function facts({ preset, original, accepted_at: accepted, ended_at: ended }) {
  const took = ended ? format.duration(format.between(accepted, ended)) : "";
  return [preset, format.bytes(original.bytes), took, format.clock(accepted)].filter(Boolean).join(" · ");
}

function newRow(id) {
  const row = {
    box: make("input", { type: "checkbox", onchange: () => choose(id) }),
    state: make("span", { class: "state" }),
    link: make("a", { href: `?job=${id}`, "data-job": id }),
    note: make("span", { class: "quiet note" }),
    facts: make("span", { class: "quiet facts" }),
  };
  row.item = make("li", { class: "row" }, row.box, row.state, row.link, row.note, row.facts);
  return row;
}

function choose(id) {
  if (!selected.delete(id)) selected.add(id);
  drawActions();
}

function drawActions() {
  write(byId("selected-count"), selected.size ? `${selected.size} selected` : "");
  byId("requeue-selected").hidden = byId("purge-selected").hidden = !selected.size;
  for (const name of ["selected", "matching"]) byId(`requeue-${name}`).disabled = byId(`purge-${name}`).disabled = lacks("write");
  byId("requeue-matching").hidden = !store.REQUEUEABLE.includes(filters.state);
  byId("purge-matching").hidden = !store.ENDED.includes(filters.state);
  const codes = new Map();
  if (["dead", "failed"].includes(filters.state)) {
    for (const id of ids) {
      const code = store.job(id)?.error?.code;
      if (code) codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  }
  const text = [...codes].map(([code, many]) => `${code} ${many}`).join();
  const place = byId("codes");
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  place.replaceChildren(...[...codes].map(([code, many]) => make("a", { class: "chip", "data-filter": "", href: query({ ...filters, code }) }, `${code} ${many}${more ? "+" : ""}`)));
}

frame.addEventListener("scroll", plan, { passive: true });
new ResizeObserver(plan).observe(frame);
