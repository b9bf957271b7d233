// The page's wiring: the URL, the keyboard, dropped and pasted files, and the receivers of each event.
import { byId } from "./dom.js";
import * as job from "./job.js";
import * as list from "./list.js";
import { follow } from "./live.js";
import * as overview from "./overview.js";
import { known, lacks } from "./session.js";
import * as store from "./store.js";
import * as uploads from "./uploads.js";

const FILTERS = ["state", "code", "reference"];
let shown = null;

/** Show what the page's URL says. */
function route() {
  const asked = new URLSearchParams(location.search);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, asked.get(name)]).filter(([, value]) => value));
  if (JSON.stringify(filters) !== shown) {
    shown = JSON.stringify(filters);
    list.open(filters);
  }
  job.show(asked.get("job"));
}

/** Go to the page's URL with these query parameters changed; an empty one is removed. */
function go(changes) {
  const asked = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) value ? asked.set(name, value) : asked.delete(name);
  history.pushState(null, "", asked.size ? `?${asked}` : location.pathname);
  route();
}

function filter() {
  go(Object.fromEntries(FILTERS.map((name) => [name, byId(`f-${name}`).value.trim()])));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-job], a[data-filter]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.job) return go({ job: link.dataset.job });
  const asked = new URLSearchParams(link.search);
  go(Object.fromEntries(FILTERS.map((name) => [name, asked.get(name)])));
  byId("jobs-title").scrollIntoView({ block: "nearest" });
});

const KEYS = {
  "/": () => byId("f-reference").focus(),
  j: () => list.move(1),
  k: () => list.move(-1),
  r: () => list.marked() && !lacks("write") && list.requeue(list.marked()),
  "?": () => byId("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

const input = byId("files");
input.addEventListener("change", () => {
  uploads.upload([...input.files]);
  input.value = "";
});
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop") uploads.upload([...event.dataTransfer.files]);
  });
}
document.addEventListener("paste", (event) => uploads.upload([...event.clipboardData.files]));

byId("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  filter();
});
byId("filters").addEventListener("change", filter);
byId("pause").addEventListener("click", overview.pauseOrResume);
byId("help-open").addEventListener("click", () => byId("help").showModal());
for (const [id, act] of [["selected", list.ofSelected], ["matching", list.ofMatching]]) {
  for (const action of ["requeue", "purge"]) byId(`${action}-${id}`).addEventListener("click", () => act(action));
}
byId("job").addEventListener("close", () => new URLSearchParams(location.search).get("job") && go({ job: "" }));
addEventListener("popstate", route);

store.on("job", uploads.showJob);
store.on("job", list.changed);
store.on("job", job.changed);
store.on("removed", uploads.removed);
store.on("removed", list.removed);
store.on("stats", overview.show);
store.on("stats", uploads.beat);
store.on("stats", job.beat);
store.on("silent", overview.silent);
store.on("reset", () => {
  list.readFirst();
  uploads.restore();
  job.reread();
});

known().then(() => {
  route();
  follow();
});
