// The first page: uploads what is chosen, dropped or pasted, and shows each job as it goes.
// It keeps no state of its own: a job's row is made from GET /jobs and told of changes by /events.
const KEPT = 50;
const list = document.getElementById("jobs");
const input = document.getElementById("files");
const drop = document.getElementById("drop");
const rows = new Map();

function make(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text ?? "";
  return element;
}

function rowOf(id) {
  if (!rows.has(id)) {
    const item = make("li", "");
    const link = make("a", "", id);
    link.href = `jobs/${id}`;
    const row = { item, link, state: make("span", "state"), note: make("span", "quiet"), pictures: make("div", "pictures"), change: -1 };
    item.append(row.state, " ", link, " ", row.note, row.pictures);
    list.prepend(item);
    rows.set(id, row);
    if (rows.size > KEPT) forget(rows.keys().next().value);
    document.getElementById("none").hidden = true;
  }
  return rows.get(id);
}

function forget(id) {
  rows.get(id)?.item.remove();
  rows.delete(id);
  document.getElementById("none").hidden = rows.size > 0;
}

function showState(job) {
  const row = rowOf(job.id);
  if (job.change < row.change) return;
  row.change = job.change;
  row.state.textContent = job.state;
  row.state.className = `state ${job.state}`;
  row.note.textContent = [job.attempts > 1 ? `${job.attempts} attempts` : "", job.error ? `${job.error.code} ${job.error.detail}` : ""].join(" ").trim();
}

function showRendition(id, rendition) {
  const row = rowOf(id);
  if ([...row.pictures.children].some((figure) => figure.dataset.name === rendition.name)) return;
  const figure = make("figure", "");
  figure.dataset.name = rendition.name;
  const image = make("img", "");
  image.src = new URL(`jobs/${id}/renditions/${rendition.name}`, document.baseURI).pathname;
  image.alt = `${rendition.name} of ${row.link.textContent}`;
  image.width = rendition.width;
  image.height = rendition.height;
  figure.append(image, make("figcaption", "", `${rendition.name} ${rendition.width}×${rendition.height} ${rendition.format}`));
  row.pictures.append(figure);
}

function showJob(job) {
  rowOf(job.id).link.textContent = job.filename || job.id;
  showState(job);
  job.renditions.forEach((rendition) => showRendition(job.id, rendition));
}

async function refresh() {
  const response = await fetch(`jobs?limit=${KEPT}`);
  if (!response.ok) return;
  const { jobs } = await response.json();
  const present = new Set(jobs.map((job) => job.id));
  [...rows.keys()].filter((id) => !present.has(id)).forEach(forget);
  jobs.reverse().forEach(showJob);
}

async function upload(files) {
  for (const file of files) {
    const form = new FormData();
    form.append("image", file);
    say(`Uploading ${file.name}…`);
    try {
      const response = await fetch("upload", { method: "POST", body: form });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail);
      rowOf(answer.id).link.textContent = answer.filename;
      say(`${file.name} was accepted.`);
    } catch (error) {
      const item = make("li", "");
      item.append(make("span", "state failed", "refused"), ` ${file.name} `, make("span", "quiet", error.message));
      list.prepend(item);
      say(`${file.name} was refused: ${error.message}`);
    }
  }
}

function say(text) {
  document.getElementById("said").textContent = text;
}

function showCounts(stats) {
  const busy = stats.workers.filter((worker) => worker.state === "busy").length;
  const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  document.getElementById("counts").textContent =
    `${stats.queue.depth} queued${stats.queue.paused ? " (paused)" : ""}, ${stats.jobs.running} running, ${stats.jobs.done} done; ` +
    `${count(stats.workers.length, "worker")}, ${busy} busy.`;
}

function follow() {
  const events = new EventSource("events");
  const on = (name, show) => events.addEventListener(name, (message) => show(JSON.parse(message.data)));
  on("job", (job) => (job.removed ? forget(job.id) : showState(job)));
  on("rendition", ({ id, rendition }) => showRendition(id, rendition));
  on("beat", showCounts);
  on("reset", refresh);
  events.onopen = refresh;
  events.onerror = () => (document.getElementById("counts").textContent = "Connecting…");
}

input.addEventListener("change", () => {
  const files = [...input.files];
  input.value = "";
  upload(files);
});
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop") upload([...event.dataTransfer.files]);
  });
}
document.addEventListener("paste", (event) => upload([...event.clipboardData.files]));
follow();
