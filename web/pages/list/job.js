// One job: first its fault, then original and renditions side by side, its attempts, and the timeline with durations.
import { absolute, call, jobPath, renditionPath } from "../api.js";
import { byId, copy, keepFocus, make, refresh, say, sayInDialogs } from "../dom.js";
import * as format from "../format.js";
import { copyAll, downloadAll, links, opened } from "../links.js";
import * as act from "./actions.js";
import { preview } from "../preview.js";
import { keyed, lacks } from "../session.js";
import * as store from "../store.js";
import * as title from "../title.js";
import { counts, progress } from "./batch.js";
import { lines } from "./lines.js";
import { deliveries } from "./told.js";

const BUTTONS = { done: ["Purge"], failed: ["Requeue", "Purge"], dead: ["Requeue", "Purge"], cancelled: ["Requeue", "Purge"] };
const LEASE_ENDS = ["returned", "lost", "error", "ended"];

const BEHIND_MS = 200;

const dialog = byId("job");
let open = null;
let reading = null; // the latest read, while it is under way: the answers of earlier ones are void
let shownChange = -1;
let heardState = null; // the last state that those know who do not see it
let commanded = false; // until a command is answered, which tells the new state itself

/** Show this job; null closes. */
export async function show(id) {
  open = id;
  reading = null;
  shownChange = -1;
  heardState = store.job(id)?.state ?? null;
  if (!id) return title.opened(""), dialog.close();
  named(store.job(id)?.filename || id);
  byId("job-body").replaceChildren(...condition(store.job(id) ?? {}), make("p", { class: "quiet" }, "Reading…"));
  if (!dialog.open) dialog.showModal();
  await read();
}

function named(name) {
  byId("job-name").textContent = name;
  title.opened(name);
}

/** The open job changed: read it again, once at a time. */
export function changed(job) {
  if (job.id === open && !reading && job.change > shownChange) read();
}

/** A job is gone: close it, if it is open. */
export function removed(id) {
  if (id !== open) return;
  open = reading = null;
  dialog.close();
}

/** Changes were missed. */
export function reread() {
  if (open && !reading) read();
}

/** A second has passed: the open job's place in the queue may have changed. */
export function beat() {
  if (open && !reading && !document.hidden && store.job(open)?.state === "queued") read();
}

async function read() {
  const [id, mine] = [open, {}];
  reading = mine;
  const answer = await call("GET", jobPath(id)).catch((error) => error);
  const batch = answer instanceof Error ? null : await counts(answer);
  if (reading !== mine) return;
  if (answer instanceof Error) refused(answer);
  else draw(answer, batch);
  const behind = !(answer instanceof Error) && store.job(id)?.change > shownChange;
  const again = behind ? BEHIND_MS : answer.again;
  if (again) await new Promise((resolve) => setTimeout(resolve, again));
  if (reading !== mine) return;
  reading = null;
  if (again) read();
}

/** The job cannot be read: keep the shown one, if there is one. */
function refused(error) {
  if (shownChange >= 0) say(error.message);
  else byId("job-body").replaceChildren(make("p", { role: "alert" }, error.message));
}

/** The job's state and its fault, which describe the dialog. */
function condition({ state, error, ...job }) {
  if (!state) return [];
  const told = make("p", { id: "job-state" }, make("span", { class: `state ${state}` }, state), job.original ? ` ${facts(job)}` : "");
  return error ? [told, make("p", { id: "job-error", class: "error" }, make("strong", {}, error.code), ` ${error.detail}`)] : [told];
}

function draw(job, batch) {
  if (!byId("job-state")) sayInDialogs([job.state, job.error?.detail].filter(Boolean).join(": "));
  else tellEnd(job);
  shownChange = job.change;
  store.read(job);
  const recipe = make("details", {}, make("summary", {}, "Recipe"), make("pre", { tabindex: "0" }, JSON.stringify(job.recipe, null, 2)));
  recipe.open = Boolean(dialog.querySelector("details:not(.lines)")?.open);
  named(job.filename || job.id);
  const pressed = dialog.contains(document.activeElement) && spoken(document.activeElement);
  refresh(
    byId("job-body"),
    ...[
      ...condition(job),
      make("p", { class: "quiet" }, "Id ", make("code", {}, job.id), job.reference ? ` · reference ${job.reference}` : ""),
      progress(batch),
      actions(job),
      pictures(job),
      ...told(job.original.info),
      ...attempts(job),
      ...deliveries(job.deliveries, () => open === job.id && !reading && read()),
      make("h3", {}, "Timeline"),
      timeline(job),
      lines(job, dialog.querySelector("details.lines")?.open),
      recipe,
    ].filter(Boolean),
  );
  if (document.activeElement !== document.body) return;
  [...dialog.querySelectorAll("button:enabled, a")].find((each) => spoken(each) === pressed)?.focus();
  keepFocus();
}

/** The name that is heard: several links have one text. */
const spoken = (element) => element.getAttribute("aria-label") ?? element.textContent;

/** Tell that it has ended, once. An answer that was under way during a command is older than that. */
function tellEnd(job) {
  if (commanded || store.job(job.id)?.change > job.change) return;
  if (heardState !== job.state && store.ENDED.includes(job.state)) sayInDialogs(ending(job));
  heardState = job.state;
}

/** How it ended, in the words that are used of an upload. */
function ending({ id, filename, state, error }) {
  const failed = error && state !== "done" && state !== "cancelled";
  return failed ? `${filename || id} failed: ${error.detail}` : `${filename || id} is ${state}.`;
}

function facts(job) {
  const took = job.ended_at ? `ended after ${format.duration(format.between(job.accepted_at, job.ended_at))}` : `accepted ${format.time(job.accepted_at)}`;
  const cost = job.cost ? `${format.duration(job.cost.cpu_ms / 1000)} of CPU, ${format.bytes(job.cost.peak_bytes)} of memory` : "";
  return [format.place(job), took, format.count(job.attempts, "attempt"), job.cached ? "from the cache" : "", cost].filter(Boolean).join(" · ");
}

function actions(job) {
  const does = { Requeue: act.requeue, Purge: act.purge, Cancel: act.cancel };
  const acts = (name) => async () => {
    commanded = true;
    await does[name](job.id);
    commanded = false;
    if (open !== job.id) return;
    heardState = store.job(job.id)?.state ?? null;
    if (!reading) read();
  };
  const paths = job.renditions.map(({ name }) => renditionPath(job.id, name));
  return make(
    "p",
    { class: "actions" },
    ...(BUTTONS[job.state] ?? ["Cancel"]).map((name) => make("button", { type: "button", disabled: lacks("write"), class: name === "Purge" ? "danger" : null, onclick: acts(name) }, name)),
    make("button", { type: "button", onclick: () => copy(curl(job), "the command") }, "Copy as curl"),
    make("button", { type: "button", onclick: () => copy(job.id, "the id") }, "Copy id"),
    ...(paths.length > 1 ? [make("button", { type: "button", onclick: () => downloadAll(paths) }, "Download all"), make("button", { type: "button", onclick: () => copyAll(paths) }, "Copy all addresses")] : []),
  );
}

/** The command that uploads the same file with the same recipe once more. */
function curl(job) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const key = keyed() ? '-H "Authorization: Bearer $PIXMILL_API_KEY" ' : "";
  return `curl ${key}-F ${quoted(`image=@${job.filename || "image"}`)} -F ${quoted(`recipe=${JSON.stringify(job.recipe)}`)} ${quoted(absolute("upload"))}`;
}

function pictures(job) {
  const { upright_width: across, upright_height: down, ...sent } = job.original;
  const original = { name: "original", src: `${jobPath(job.id)}/original`, ...sent, width: across ?? sent.width, height: down ?? sent.height };
  const made = job.renditions.map((rendition) => ({ ...rendition, src: renditionPath(job.id, rendition.name) }));
  const colours = preview(job.placeholder);
  const placeholder = colours && make("figure", { class: "preview" }, make("img", { src: colours, alt: "colours of the original" }), make("figcaption", {}, make("strong", {}, "placeholder")));
  return make("div", { class: "pictures" }, placeholder, ...[original, ...made].map((shown) => picture(shown, job)));
}

function picture({ name, src, width, height, format: kind, bytes }, job) {
  const size = [width ? ` ${width}×${height}` : "", kind, format.bytes(bytes)].filter(Boolean).join(" ");
  const what = `${name} of ${job.filename || job.id}`;
  const image = make("img", { src: new URL(src, document.baseURI).pathname, alt: what, width, height, loading: "lazy" });
  return make("figure", {}, opened(src, what, image), make("figcaption", {}, make("strong", {}, name), size, links(src, what)));
}

/** The facts about the original that are known. */
function told(info) {
  const known = Object.entries(info ?? {}).filter(([, value]) => value !== null && value !== false && value.length !== 0);
  const rows = known.map(([name, value]) => [name, shownFact(value)]);
  return rows.length ? [make("h3", {}, "Facts"), table("Facts", ["Fact", "Value"], rows)] : [];
}

const shownFact = (value) => (Array.isArray(value) ? value.join(", ") : typeof value === "object" ? Object.values(value).filter((part) => part !== null).join(", ") : String(value));

/** Each lease: its worker, the time that its decoder ran, and its end. */
function attempts(job) {
  const leases = Map.groupBy(job.timeline.filter(({ lease, worker }) => lease && worker), ({ lease }) => lease);
  const rows = [...leases].map(([lease, entries]) => {
    const started = entries.find(({ event }) => event === "started");
    const end = entries.find(({ event }) => LEASE_ENDS.includes(event));
    const ran = started && end ? format.duration(format.between(started.at, end.at)) : "";
    return [String(lease), entries[0].worker, ran, end ? outcome(end) : "not yet"];
  });
  return rows.length ? [make("h3", {}, "Attempts"), table("Attempts", ["Lease", "Worker", "Ran for", "Ended"], rows)] : [];
}

const outcome = ({ event, detail }) => (event === "ended" ? (detail ?? "done") : [event, detail].filter(Boolean).join(": "));

function timeline(job) {
  const rows = job.timeline.map((entry, index) => {
    const before = job.timeline[index - 1];
    const after = before ? `+${format.duration(format.between(before.at, entry.at))}` : format.time(entry.at);
    return [after, entry.event, entry.worker ?? "", entry.detail ?? ""];
  });
  return table("Timeline", ["After", "Event", "Worker", "Detail"], rows);
}

function table(label, head, rows) {
  const titles = make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((text) => make("td", {}, text))));
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": label }, make("table", {}, make("thead", {}, titles), make("tbody", {}, ...body)));
}
