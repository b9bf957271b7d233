// The overview: the health or its faults, the numbers, the workers with their jobs, the last minutes.
import * as address from "./address.js";
import { call, query } from "./api.js";
import { attempt, byId, make, renew, say, write } from "./dom.js";
import * as format from "./format.js";
import { lacks } from "./session.js";
import * as store from "./store.js";

const KEPT_SECONDS = 300;
const SHOWN_SECONDS_MIN = 60;
const OLD_SECONDS = 60;
const GONE_MS = 5000;

const history = [];
const workers = new Map();

/** Show a beat. */
export function show(stats) {
  health(troubles(stats), able(stats.workers) ? "Healthy" : "No worker takes jobs");
  numbers(stats);
  showWorkers(stats.workers);
  wanted(stats);
  byId("pause").hidden = lacks("operate");
  byId("workers-table").classList.toggle("watched", lacks("operate"));
  byId("pause").textContent = stats.queue.paused ? "Resume" : "Pause";
  pauses(stats.queue.paused_tenants ?? []);
  chart(stats);
}

/** Show that no beat comes, and why: the numbers are out of date. */
export const silent = (reason) => health([reason], "");

/** The button that stops and starts dispatch. */
export const pauseOrResume = () =>
  attempt(async () => {
    const { paused } = await call("POST", store.stats?.queue.paused ? "queue/resume" : "queue/pause");
    if (store.stats) store.heardStats({ ...store.stats, queue: { ...store.stats.queue, paused } });
    say(paused ? "" : "Jobs are started again."); // the health tells of the pause
  });

/** The tenants that are paused, each with a button that resumes it; and one that pauses the tenant of the filter. */
function pauses(paused) {
  const tenant = address.asked().filters.tenant;
  const buttons = paused.map((name) => ["Resume", name]);
  if (tenant && !paused.includes(tenant)) buttons.push(["Pause", tenant]);
  const shown = lacks("operate") ? [] : buttons;
  renew(byId("pauses"), ...shown.map(([word, name]) => make("button", { type: "button", onclick: () => pauseTenant(word, name) }, `${word} ${name}`)));
}

const pauseTenant = (word, tenant) =>
  attempt(async () => {
    await call("POST", `queue/${word.toLowerCase()}${query({ tenant })}`);
    const untold = store.stats?.queue.paused ? `${tenant} is paused, too.` : ""; // else the health tells of it
    say(word === "Pause" ? untold : `Jobs of ${tenant} are started again.`);
  });

const able = (present) => present.filter(({ state }) => state !== "draining").length;

function health(trouble, calm) {
  write(byId("health"), trouble.join("; ") || calm);
  byId("health").className = trouble.length ? "trouble" : "healthy";
}

function ofTenants(paused) {
  if (!paused.length) return "";
  const who = paused.length === 1 ? `${paused[0]} is` : `${format.count(paused.length, "tenant")} are`;
  return `${who} paused: uploads go on, but no job of theirs is started`;
}

function troubles({ queue, workers: present, jobs, sweeps, deliveries }) {
  const waiting = queue.depth > 0;
  return [
    queue.paused ? "Paused: uploads go on, but no job is started" : "",
    queue.paused ? "" : ofTenants(queue.paused_tenants ?? []),
    waiting && !able(present) ? "Jobs wait, but no worker takes them" : "",
    waiting && !queue.paused && queue.oldest_seconds > OLD_SECONDS ? "The oldest job has waited for more than a minute" : "",
    jobs.dead ? `${format.count(jobs.dead, "dead job")}: a person must look` : "",
    sweeps?.failing ? `The files of ${format.count(sweeps.failing, "job")} cannot be deleted` : "",
    sweeps?.walk ? "The search for files without a job has stopped" : "",
    deliveries?.paused ? `${format.count(deliveries.paused, "receiver")} of webhooks are paused: they only failed for five days` : "",
  ].filter(Boolean);
}

function numbers({ queue, jobs, rates }) {
  const shown = {
    queued: queue.depth,
    oldest: queue.depth ? format.duration(queue.oldest_seconds) : "none",
    running: jobs.running,
    delayed: jobs.delayed,
    rate: Math.round(rates.ended_per_minute),
    done: jobs.done,
    failed: jobs.failed,
    dead: jobs.dead,
  };
  for (const [name, value] of Object.entries(shown)) {
    const place = byId(`n-${name}`);
    write(place, value.toLocaleString());
    if (place.matches("a")) place.setAttribute("aria-label", `${value.toLocaleString()} ${name}`);
  }
  byId("n-dead").classList.toggle("trouble", jobs.dead > 0);
}

function showWorkers(present) {
  const here = new Set(present.map((worker) => worker.incarnation));
  for (const [incarnation, row] of workers) if (!here.has(incarnation)) leave(incarnation, row);
  for (const worker of present) {
    let row = workers.get(worker.incarnation);
    if (!row) {
      row = newRow(worker);
      workers.set(worker.incarnation, row);
      byId("workers").append(row);
    }
    const [, state, doing, since, drain] = row.children;
    write(state, worker.state);
    showDoings(doing, worker.jobs);
    write(since, format.duration(format.between(worker.since, Date.now())));
    if (worker.state === "draining") rest(drain);
    drain.firstElementChild.disabled = worker.state === "draining";
  }
}

/** If this part of the table has the focus, the table gets it: what is in the part goes. */
function rest(part) {
  if (part.contains(document.activeElement)) byId("workers-frame").focus();
}

/** Show for a while that a worker has left. */
function leave(incarnation, row) {
  rest(row);
  workers.delete(incarnation);
  row.className = "gone";
  row.children[1].textContent = "gone";
  row.children[2].replaceChildren();
  row.lastElementChild.replaceChildren();
  setTimeout(() => row.remove(), GONE_MS);
}

const named = ({ kind, name }) => (kind === "courier" ? `courier ${name}` : name);

function newRow(worker) {
  const drain = make("button", { type: "button", "aria-label": `Drain ${worker.name}`, onclick: () => drainWorker(worker) }, "Drain");
  return make("tr", {}, make("th", { scope: "row" }, named(worker)), make("td"), make("td"), make("td"), make("td", {}, drain));
}

/** The worker's running job with its time, and its prefetched jobs. Links stay: one may have the focus. */
function showDoings(cell, jobs) {
  const ids = jobs.map(({ id }) => id).join();
  if (cell.dataset.jobs !== ids) {
    cell.dataset.jobs = ids;
    rest(cell);
    cell.replaceChildren(...jobs.map(({ id }) => make("span", { class: "doing" }, make("a", { href: `?job=${id}`, "data-job": id }), " ")));
  }
  jobs.forEach(({ id, seconds }, index) => {
    const [link, time] = cell.children[index].childNodes;
    write(link, store.job(id)?.filename || id.slice(-8));
    time.data = seconds === null ? " is next" : ` ${format.duration(seconds)}`;
  });
}

const drainWorker = ({ name, incarnation }) =>
  attempt(() => call("POST", `workers/${incarnation}/drain`), `${name} finishes its jobs and leaves.`);

function wanted({ workers: present, workers_wanted: many }) {
  const more = many > present.length ? `; ${many} would keep up with the queue` : "";
  write(byId("wanted"), present.length ? `${format.count(present.length, "worker")}${more}` : "No worker.");
}

/** Two lines over the last minutes, each to its own scale: ended jobs a minute, and queued jobs. */
function chart(stats) {
  const now = Date.now() / 1000;
  history.push([now, stats.rates.ended_per_minute, stats.queue.depth]);
  while (history[0][0] < now - KEPT_SECONDS) history.shift();
  const seconds = Math.max(SHOWN_SECONDS_MIN, now - history[0][0]);
  const minutes = Math.round(seconds / 60);
  write(byId("chart-span"), minutes > 1 ? `The last ${minutes} minutes` : "The last minute");
  for (const [column, id] of [[1, "line-rate"], [2, "line-queue"]]) {
    const top = Math.max(1, ...history.map((point) => point[column]));
    const points = history.map((point) => `${(300 * (1 - (now - point[0]) / seconds)).toFixed(1)},${(58 - (56 * point[column]) / top).toFixed(1)}`);
    byId(id).setAttribute("points", points.join(" "));
    write(byId(`${id}-top`), Math.round(top).toLocaleString());
  }
}
