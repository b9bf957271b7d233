// All jobs that match the filters, newest first. Only the visible rows are elements. The page's URL holds the filters.
// Owns which jobs are listed, and in which order. Knows no action on them.
import { call, jobPath, query } from "../api.js";
import { byId, keepFocus, say, write } from "../dom.js";
import * as format from "../format.js";
import * as store from "../store.js";
import { arranged } from "./arrange.js";
import { served, show, words } from "./filters.js";
import { fill, newRow } from "./rows.js";
import { clear, drawActions, isSelected, selected } from "./selection.js";

const ROW_PX = 44;
const PAGE = 200;
const KEPT = store.KEPT;
const REREAD_MS = 1000;
const REDRAW_MS = 100;
const TOGETHER = 25;
const HEARD_MS = 300;
const ID = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/i;

const frame = byId("jobs-frame");
const list = byId("jobs");
const rows = new Map();
let ids = []; // as the server lists them
let inOrder = []; // those that are shown, in the order that the filters ask for
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
  show(filters);
  frame.setAttribute("aria-label", words(filters) ? `Jobs: ${words(filters)}` : "All jobs");
  problem("");
  clear();
  ids = [];
  listed = new Set();
  more = null;
  current = null;
  frame.scrollTop = 0;
  draw();
  const asked = filters;
  await readFirst();
  if (asked === filters) setTimeout(() => asked === filters && found(), HEARD_MS);
}

/** Tell how many were found, once: the visible count changes with each page that is read. */
function found() {
  byId("found").textContent = unread ? "" : [counted().replace(/\.$/, ""), words(filters)].filter(Boolean).join(", ");
}

/** Read the newest page again. Older rows stay if they adjoin it. An answer is void if a later one came first. */
export async function readFirst() {
  const [asked, reading] = [filters, ++readings];
  const overtaken = () => asked !== filters || reading < shownReading;
  let page;
  try {
    page = (await named(asked)) ?? (await call("GET", `jobs${query({ ...served(asked), limit: PAGE })}`));
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

/** The one job whose id alone is sought, as a page; null if there is none. */
async function named({ find = "", ...others }) {
  if (!ID.test(find) || Object.keys(served(others)).length) return null;
  const job = await call("GET", jobPath(find.toLowerCase())).catch(() => null);
  return job && { jobs: [job], next: null };
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
  if (error.parameter === "code") problem(error.message);
  else say(error.message);
  if (error.again) again(error.again);
}

/** Show what is wrong with the code beside its field. */
function problem(text) {
  write(byId("f-code-problem"), text);
  byId("f-code").setAttribute("aria-invalid", String(Boolean(text)));
}

/** The filters of the list that the server knows; the others are for what was read. */
export const matching = () => served(filters);

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
    const page = await call("GET", `jobs${query({ ...served(asked), limit: PAGE, after })}`);
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
  const untold = store.ENDED.includes(job.state) && !job.ended_at; // the stream does not tell when it ended
  if (!taking && matches && (untold || !listed.has(job.id))) reread(REREAD_MS);
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
  if (!inOrder.length) return;
  const index = Math.min(inOrder.length - 1, Math.max(0, inOrder.indexOf(current) + by));
  current = inOrder[index];
  const top = index * ROW_PX;
  if (top < frame.scrollTop) frame.scrollTop = top;
  if (top + ROW_PX > frame.scrollTop + frame.clientHeight) frame.scrollTop = top + ROW_PX - frame.clientHeight;
  draw();
  rows.get(current)?.link.focus();
}

/** The marked job's id, or undefined. The marker stays with its job when the job moves. */
export const marked = () => inOrder.find((id) => id === current);

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

function arrange() {
  if (!filters.find && !filters.sort) return [...ids]; // as it is now: `ids` changes in place
  return arranged(ids.map(store.job).filter(Boolean), filters).map(({ id }) => id);
}

function draw() {
  const before = inOrder;
  inOrder = arrange();
  const left = follow(before);
  const first = Math.max(0, Math.floor(frame.scrollTop / ROW_PX) - 5);
  const last = Math.min(inOrder.length, first + Math.ceil(frame.clientHeight / ROW_PX) + 10);
  const inSight = new Set(inOrder.slice(first, last));
  for (const [id, row] of rows) {
    if (inSight.has(id)) continue;
    row.item.remove();
    rows.delete(id);
  }
  let place = 0;
  for (let index = first; index < last; index += 1) {
    const item = drawRow(inOrder[index], index);
    if (!item) continue;
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null); // screen readers follow the order of the elements
    place += 1;
  }
  if (!unread) list.style.height = `${inOrder.length * ROW_PX}px`; // otherwise the page would shrink and grow at each filter
  frame.setAttribute("aria-busy", String(unread === "Reading…"));
  write(byId("jobs-count"), unread || counted());
  drawActions(filters, inOrder, more);
  if (left) leave();
  if (last >= inOrder.length - 5 || filters.sort || filters.find) readMore(); // the largest, or the sought one, may be the last
}

/** If the marked job is no longer listed, mark the one that took its place. Whether the row that has the focus goes. */
function follow(before) {
  const held = [...rows.keys()].find((id) => rows.get(id).item.contains(document.activeElement));
  const next = (id) => inOrder[Math.min(before.indexOf(id), inOrder.length - 1)] ?? null;
  const left = held && !inOrder.includes(held);
  if (left) current = next(held);
  else if (current && !inOrder.includes(current)) current = next(current);
  return left;
}

/** Focus the row that took the place of the focused one; without one, the heading. */
function leave() {
  rows.get(current)?.link.focus();
  keepFocus();
}

function counted() {
  const [all, on] = [format.count(ids.length, "job"), more && ids.length < KEPT];
  if (filters.find) return `${format.count(inOrder.length, "job")} found among ${all}${on ? ", searching on" : cut()}`;
  if (!ids.length) return more ? "Searching…" : "No job matches.";
  if (filters.sort) return `${all}${on ? ", reading on" : cut()}`;
  return `${all}${on ? " and more" : cut()}`;
}

/** What is left out, if the list is as long as it may be. */
function cut() {
  return more ? ", the newest: choose an earlier time for others" : "";
}

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
  if (row.size !== inOrder.length) {
    row.size = inOrder.length;
    row.item.setAttribute("aria-setsize", inOrder.length);
  }
  row.item.classList.toggle("current", id === current);
  row.box.checked = isSelected(id);
  if (row.change === job.change && row.name === job.filename && row.ended === job.ended_at) return row.item;
  Object.assign(row, { change: job.change, name: job.filename, ended: job.ended_at });
  fill(row, job);
  return row.item;
}

addEventListener("selected", plan);
frame.addEventListener("scroll", plan, { passive: true });
new ResizeObserver(plan).observe(frame);
