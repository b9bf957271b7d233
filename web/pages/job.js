// One job: what went wrong first, original and renditions side by side, the timeline with durations.
import { absolute, call, jobPath, renditionPath } from "./api.js";
import { byId, make, say } from "./dom.js";
import * as format from "./format.js";
import * as list from "./list.js";
import { keyed, lacks } from "./session.js";
import * as store from "./store.js";

const dialog = byId("job");
let open = null;
let reading = false;
let shownChange = -1;

/** Show this job; null closes. */
export async function show(id) {
  open = id;
  shownChange = -1;
  if (!id) return dialog.close();
  byId("job-name").textContent = store.job(id)?.filename || id;
  byId("job-body").replaceChildren(make("p", { class: "quiet" }, "Reading…"));
  if (!dialog.open) dialog.showModal();
  await read();
}

/** The open job changed: read it again, once at a time. */
export function changed(job) {
  if (job.id === open && !reading && job.change > shownChange) read();
}

async function read() {
  reading = true;
  try {
    draw(await call("GET", jobPath(open)));
  } catch (error) {
    byId("job-body").replaceChildren(make("p", { role: "alert" }, error.message));
  } finally {
    reading = false;
  }
  if (store.job(open)?.change > shownChange) read();
}

function draw(job) {
  if (job.id !== open) return;
  shownChange = job.change;
  store.read(job);
  byId("job-name").textContent = job.filename || job.id;
  byId("job-body").replaceChildren(
    make("p", {}, make("span", { class: `state ${job.state}` }, job.state), ` ${facts(job)}`),
    job.error ? make("p", { class: "error" }, make("strong", {}, job.error.code), ` ${job.error.detail}`) : "",
    actions(job),
    pictures(job),
    make("h3", {}, "Timeline"),
    timeline(job),
    make("details", {}, make("summary", {}, "Recipe"), make("pre", { tabindex: "0" }, JSON.stringify(job.recipe, null, 2))),
  );
}

function facts(job) {
  const took = job.ended_at ? `ended after ${format.duration(format.between(job.accepted_at, job.ended_at))}` : `accepted ${format.time(job.accepted_at)}`;
  const cost = job.cost ? `${Math.round(job.cost.cpu_ms)} CPU ms, ${format.bytes(job.cost.peak_bytes)} at the most` : "";
  return [took, format.count(job.attempts, "attempt"), job.cached ? "from the cache" : "", cost, format.saved(job)].filter(Boolean).join(" · ");
}

function actions(job) {
  const buttons = {
    done: ["Purge"],
    failed: ["Requeue", "Purge"],
    dead: ["Requeue", "Purge"],
    cancelled: ["Requeue", "Purge"],
  }[job.state] ?? ["Cancel"];
  const does = { Requeue: list.requeue, Purge: list.purge, Cancel: list.cancel };
  return make(
    "p",
    { class: "actions" },
    ...buttons.map((name) => make("button", { type: "button", disabled: lacks("write"), onclick: () => does[name](job.id).then(() => open && read()) }, name)),
    make("button", { type: "button", onclick: () => copy(curl(job)) }, "Copy as curl"),
  );
}

/** The command that uploads the same file with the same recipe once more. */
function curl(job) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const key = keyed() ? '-H "Authorization: Bearer $PIXMILL_API_KEY" ' : "";
  return `curl ${key}-F ${quoted(`image=@${job.filename || "image"}`)} -F ${quoted(`recipe=${JSON.stringify(job.recipe)}`)} ${quoted(absolute("upload"))}`;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say(text);
  }
}

function pictures(job) {
  const original = { name: "original", src: `${jobPath(job.id)}/original`, ...job.original };
  const made = job.renditions.map((rendition) => ({ ...rendition, src: renditionPath(job.id, rendition.name) }));
  return make("div", { class: "pictures" }, ...[original, ...made].map((shown) => picture(shown, job)));
}

function picture({ name, src, width, height, format: kind, bytes }, job) {
  const caption = [name, width ? `${width}×${height}` : "", kind, format.bytes(bytes)].filter(Boolean).join(" ");
  const address = new URL(src, document.baseURI).pathname;
  const image = make("img", { src: address, alt: `${name} of ${job.filename || job.id}`, width, height, loading: "lazy" });
  return make("figure", {}, make("a", { href: address }, image), make("figcaption", {}, caption));
}

function timeline(job) {
  const rows = job.timeline.map((moment, index) => {
    const before = job.timeline[index - 1];
    const after = before ? `+${format.duration(format.between(before.at, moment.at))}` : format.time(moment.at);
    return make("tr", {}, make("td", {}, after), make("td", {}, moment.event), make("td", {}, moment.worker ?? ""), make("td", {}, moment.detail ?? ""));
  });
  const head = make("tr", {}, ...["After", "Event", "Worker", "Detail"].map((name) => make("th", { scope: "col" }, name)));
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Timeline" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}
