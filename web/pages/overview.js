// One glance: healthy or why not, the numbers, who works on what, the last minutes.
import { call } from "./api.js";
import { attempt, byId, make, say } from "./dom.js";
import * as format from "./format.js";
import { lacks } from "./session.js";
import * as store from "./store.js";

const KEPT_SECONDS = 300;
const OLD_SECONDS = 60;

const history = [];
const workers = new Map();

/** Show a beat; null while the connection is broken. */
export function show(stats) {
  const trouble = troubles(stats);
  byId("health").textContent = trouble.length ? trouble.join("; ") : "Healthy";
  byId("health").className = trouble.length ? "trouble" : "healthy";
  if (!stats) return;
  numbers(stats);
  showWorkers(stats.workers);
  byId("pause").disabled = lacks("operate");
  byId("pause").textContent = stats.queue.paused ? "Resume" : "Pause";
  byId("pause").setAttribute("aria-pressed", String(stats.queue.paused));
  chart(stats);
}

/** The button that stops and starts dispatch. */
export const pauseOrResume = () =>
  attempt(async () => {
    const { paused } = await call("POST", store.stats?.queue.paused ? "queue/resume" : "queue/pause");
    store.heardStats({ ...store.stats, queue: { ...store.stats.queue, paused } });
    say(paused ? "Paused: uploads go on, nothing is dispatched." : "Dispatch goes on.");
  });

function troubles(stats) {
  if (!store.connected) return ["No connection: trying again"];
  const waiting = stats.queue.depth > 0;
  return [
    stats.queue.paused ? "Paused" : "",
    waiting && !stats.workers.length ? "Jobs wait and there is no worker" : "",
    waiting && !stats.queue.paused && stats.queue.oldest_seconds > OLD_SECONDS ? `The oldest has waited ${format.duration(stats.queue.oldest_seconds)}` : "",
    stats.jobs.dead ? `${format.count(stats.jobs.dead, "job")} dead: a person must look` : "",
  ].filter(Boolean);
}

function numbers({ queue, jobs, rates }) {
  const shown = {
    queued: queue.depth,
    oldest: queue.depth ? format.duration(queue.oldest_seconds) : "none",
    running: jobs.running,
    delayed: jobs.delayed,
    rate: Math.round(rates.ended_per_minute),
    failed: jobs.failed,
    dead: jobs.dead,
  };
  for (const [name, value] of Object.entries(shown)) byId(`n-${name}`).textContent = value.toLocaleString();
}

function showWorkers(present) {
  const body = byId("workers");
  const here = new Set(present.map((worker) => worker.incarnation));
  for (const [incarnation, row] of workers) {
    if (here.has(incarnation)) continue;
    row.remove();
    workers.delete(incarnation);
  }
  for (const worker of present) {
    let row = workers.get(worker.incarnation);
    if (!row) {
      row = newRow(worker);
      workers.set(worker.incarnation, row);
      body.append(row);
    }
    const [, state, doing, since, drain] = row.children;
    state.textContent = worker.state;
    doing.replaceChildren(...doings(worker));
    since.textContent = format.duration(format.between(worker.since, Date.now()));
    drain.firstElementChild.disabled = worker.state === "draining" || lacks("operate");
  }
  byId("no-worker").hidden = present.length > 0;
}

function newRow(worker) {
  const drain = make("button", { type: "button", "aria-label": `Drain ${worker.name}`, onclick: () => drainWorker(worker) }, "Drain");
  return make("tr", {}, make("th", { scope: "row" }, worker.name), make("td"), make("td"), make("td"), make("td", {}, drain));
}

const doings = (worker) =>
  worker.jobs.flatMap(({ id, seconds }) => [
    make("a", { href: `?job=${id}`, "data-job": id }, store.job(id)?.filename || id.slice(-8)),
    ` ${format.duration(seconds)} `,
  ]);

const drainWorker = ({ name, incarnation }) =>
  attempt(() => call("POST", `workers/${incarnation}/drain`), `${name} finishes what it holds and leaves.`);

/** Two lines over the last minutes: jobs ended a minute, and jobs queued, each to its own scale. */
function chart(stats) {
  const now = Date.now() / 1000;
  history.push([now, stats.rates.ended_per_minute, stats.queue.depth]);
  while (history[0][0] < now - KEPT_SECONDS) history.shift();
  for (const [column, id] of [[1, "line-rate"], [2, "line-queue"]]) {
    const top = Math.max(1, ...history.map((point) => point[column]));
    const points = history.map((point) => `${(300 * (1 - (now - point[0]) / KEPT_SECONDS)).toFixed(1)},${(58 - (56 * point[column]) / top).toFixed(1)}`);
    byId(id).setAttribute("points", points.join(" "));
    byId(`${id}-top`).textContent = Math.round(top).toLocaleString();
  }
}
