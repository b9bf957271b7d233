// The last 24 hours, for operators: the chart with its table, the last hour's slowest jobs and most frequent codes.
import { call } from "../api.js";
import { byId, make, renew, write } from "../dom.js";
import * as format from "../format.js";
import { lacks } from "../session.js";
import * as store from "../store.js";
import { means } from "./codes.js";
import * as figures from "./figures.js";

const HOURS = 24;
const HOUR_MS = 3_600_000;
const AGAIN_MS = 60_000;
const LINES = { accepted: ({ accepted }) => accepted, ended: figures.ended, failed: figures.failed };

let intervals = [];
let readAt = -Infinity; // when it was last asked, by performance.now()
let wholeAt = -Infinity;
let reading = false;

/** Show it to operators only, and read it again once a minute while it can be seen. */
export function beat() {
  byId("hours").hidden = lacks("operate");
  const now = performance.now();
  if (lacks("operate") || byId("view-jobs").hidden || document.hidden || reading || now < readAt + AGAIN_MS) return;
  const whole = now > wholeAt + HOUR_MS / 2; // else the last hour is enough: the rest does not change
  read(whole ? HOURS : 1);
}

async function read(hours) {
  reading = true;
  readAt = performance.now();
  try {
    const answer = await call("GET", `stats/history?hours=${hours}`);
    if (hours === HOURS) wholeAt = readAt;
    const step = answer.step_seconds * 1000;
    const from = Math.floor(Date.now() / step) * step - (HOURS * HOUR_MS - step);
    intervals = figures.merged(intervals, answer.intervals, from);
    write(byId("hours-problem"), "");
    draw(from, step);
    slowest(answer.hour.slowest);
    codes(answer.hour.codes);
  } catch (error) {
    write(byId("hours-problem"), `Not read: ${error.message}`); // what is shown stays; the next minute tries again
  } finally {
    reading = false;
  }
}

function draw(from, step) {
  const shown = figures.whole(intervals, from + HOURS * HOUR_MS - step);
  const top = Math.max(1, ...Object.values(LINES).map((figure) => figures.highest(shown, figure)));
  for (const [name, figure] of Object.entries(LINES)) {
    byId(`hours-${name}`).setAttribute("d", figures.path(shown, figure, top, from, step));
  }
  const oldest = ({ oldest_seconds }) => oldest_seconds;
  const longest = figures.highest(shown, oldest);
  byId("hours-oldest").setAttribute("d", figures.path(shown, oldest, longest, from, step));
  write(byId("hours-top"), format.count(top, "job"));
  write(byId("hours-longest"), longest ? format.duration(longest) : "none");
  byId("hours-jobs-chart").setAttribute("aria-label", `${sentence(step)} The table below has the figures of each hour.`);
  byId("hours-oldest-chart").setAttribute("aria-label", `The longest wait of a queued job in the last 24 hours: ${longest ? format.duration(longest) : "none"}.`);
  byId("hours-rows").replaceChildren(...figures.byHour(intervals).map(row));
}

function sentence(step) {
  const sums = figures.byHour(intervals);
  const sum = (name) => sums.reduce((all, hour) => all + hour[name], 0);
  const missing = figures.gaps(intervals, step);
  const gaps = missing ? ` ${format.count(missing, "gap")}: no broker counted.` : "";
  return `The last 24 hours: ${format.count(sum("accepted"), "job")} accepted, ${sum("ended").toLocaleString()} ended, ${sum("failed").toLocaleString()} of them failed or dead.${gaps}`;
}

function row({ at, accepted, ended, failed, oldest, counted }) {
  const cells = [accepted.toLocaleString(), ended.toLocaleString(), failed.toLocaleString(), oldest ? format.duration(oldest) : "none", format.duration(Math.round(counted))];
  return make("tr", {}, make("th", { scope: "row" }, format.clock(at)), ...cells.map((text) => make("td", {}, text)));
}

/** Links stay where nothing changed: one may have the focus. */
function slowest(jobs) {
  byId("slowest-empty").hidden = jobs.length > 0;
  const named = (id) => store.job(id)?.filename || id.slice(-8);
  const items = jobs.map(({ id, seconds, tenant }) =>
    make("li", {}, make("a", { href: `?job=${id}`, "data-job": id }, named(id)), ` ${format.duration(seconds)}${tenant ? `, ${tenant}` : ""}`),
  );
  renew(byId("slowest"), ...items);
}

function codes(counts) {
  byId("frequent-empty").hidden = counts.length > 0;
  byId("frequent-frame").hidden = counts.length === 0;
  const rows = counts.map(({ code, count }) =>
    make("tr", {}, make("th", { scope: "row" }, make("a", { href: `?code=${encodeURIComponent(code)}`, "data-filter": "" }, code)), make("td", {}, count.toLocaleString()), make("td", {}, means(code))),
  );
  renew(byId("frequent"), ...rows);
}
