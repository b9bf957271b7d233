// The page's wiring: the views, chosen, dropped and pasted files, and the receivers of each event.
import * as address from "./address.js";
import { byId, dismiss, make, say } from "./dom.js";
import { copyAll, downloadAll } from "./links.js";
import * as actions from "./list/actions.js";
import * as filters from "./list/filters.js";
import * as hours from "./hours/hours.js";
import * as job from "./list/job.js";
import * as list from "./list/list.js";
import * as log from "./list/log.js";
import { chooseAll, chooseMatching } from "./list/selection.js";
import "./keys.js";
import { follow } from "./live.js";
import * as overview from "./overview.js";
import { known } from "./session.js";
import * as store from "./store.js";
import * as title from "./title.js";
import * as files from "./uploads/files.js";
import * as presets from "./uploads/presets.js";
import * as uploads from "./uploads/uploads.js";

const VIEWS = { upload: ["Upload", "upload-title"], jobs: ["Jobs", "now-title"] }; // title, and heading
let shown = null;
let viewed = null;
let listed = Promise.resolve(); // once the list has its first answer

/** Show what the page's address says. */
function route() {
  const { view, filters: wanted, job: opened } = address.asked();
  dismiss();
  for (const name of Object.keys(VIEWS)) {
    byId(`view-${name}`).hidden = name !== view;
    const link = document.querySelector(`[data-view=${name}]`);
    name === view ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
  }
  if (view === "jobs" && JSON.stringify(wanted) !== shown) {
    shown = JSON.stringify(wanted);
    listed = list.open(wanted);
  }
  byId("skip-jobs").hidden = view !== "jobs";
  const [titled, heading] = VIEWS[view];
  title.name(titled);
  if (viewed && viewed !== view) byId(heading).focus();
  viewed = view;
  job.show(opened);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-job], a[data-filter], a[data-view]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.job) return address.open(link.dataset.job);
  if (link.dataset.view) return address.view(link.dataset.view);
  const asked = new URLSearchParams(link.search);
  address.filter(Object.fromEntries(address.FILTERS.map((name) => [name, asked.get(name)])));
  byId("jobs-title").focus({ preventScroll: true }); // the link may go, or be out of sight
  listed.then(() => requestAnimationFrame(() => requestAnimationFrame(() => byId("jobs-title").scrollIntoView({ block: "start" })))); // drawn
});

byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId(VIEWS[address.asked().view][1]).focus();
});
byId("skip-jobs").addEventListener("click", (event) => {
  event.preventDefault();
  byId("jobs-title").focus();
});

const input = byId("files");
input.addEventListener("change", () => {
  uploads.upload([...input.files]);
  input.value = "";
});
byId("folder").addEventListener("click", () => {
  const folder = make("input", { type: "file", webkitdirectory: "" }); // in no document: the page has one uploader
  folder.addEventListener("change", () => uploads.uploadFolder([...folder.files]));
  folder.click();
});
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop") drop(event.dataTransfer);
  });
}
document.addEventListener("paste", (event) => uploads.upload([...event.clipboardData.files]));

async function drop(transfer) {
  try {
    const { files: single, within } = await files.dropped(transfer);
    uploads.upload(single);
    if (within) uploads.uploadFolder(within);
  } catch (error) {
    say(`The folder cannot be read: ${error.message}`);
  }
}

byId("limits").textContent = files.limits();
byId("clear").addEventListener("click", uploads.clear);
byId("download-all").addEventListener("click", () => downloadAll(uploads.all()));
byId("copy-all").addEventListener("click", () => copyAll(uploads.all()));
filters.follow(() => address.filter(filters.chosen()));
byId("select-all").addEventListener("change", chooseAll);
byId("select-matching").addEventListener("click", chooseMatching);
byId("pause").addEventListener("click", overview.pauseOrResume);
byId("log-details").addEventListener("toggle", log.toggled);
byId("log-more").addEventListener("click", log.more);
byId("help-open").addEventListener("click", () => byId("help").showModal());
for (const [id, act] of [["selected", actions.ofSelected], ["matching", actions.ofMatching]]) {
  for (const action of ["requeue", "purge"]) byId(`${action}-${id}`).addEventListener("click", () => act(action));
}
byId("job").addEventListener("close", ({ target }) => {
  address.close();
  const lost = document.activeElement === document.body || target.contains(document.activeElement);
  if (lost) byId(`${address.asked().view}-title`).focus(); // the job's link is gone: else the keyboard begins at the top
});
addEventListener("popstate", route);

store.on("job", uploads.showJob);
store.on("job", list.changed);
store.on("job", job.changed);
store.on("removed", uploads.removed);
store.on("removed", list.removed);
store.on("removed", job.removed);
store.on("stats", overview.show);
store.on("stats", log.beat);
store.on("stats", hours.beat);
store.on("stats", uploads.beat);
store.on("stats", job.beat);
store.on("silent", overview.silent);
store.on("reset", () => {
  if (shown !== null) list.readFirst();
  uploads.restore();
  job.reread();
});

known().then(() => {
  route();
  presets.read();
  follow();
});
