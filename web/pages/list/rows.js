// A row of the list: its elements, and what they say of a job.
import { renditionPath } from "../api.js";
import { make } from "../dom.js";
import * as format from "../format.js";
import { choose } from "./selection.js";

/** The elements of the row of this job. */
export function newRow(id) {
  const row = {
    box: make("input", { type: "checkbox", onchange: () => choose(id) }),
    picture: make("img", { alt: "", width: 36, height: 36, loading: "lazy", hidden: true }),
    state: make("span", { class: "state" }),
    link: make("a", { href: `?job=${id}`, "data-job": id }),
    note: make("span", { class: "quiet note" }),
    facts: make("span", { class: "quiet facts" }),
  };
  row.item = make("li", { class: "row" }, row.box, make("span", { class: "thumb" }, row.picture), row.state, row.link, row.note, row.facts);
  return row;
}

/** Show this job in its row. */
export function fill(row, job) {
  row.state.textContent = job.state;
  row.state.className = `state ${job.state}`;
  row.link.textContent = job.filename || job.id;
  row.box.setAttribute("aria-label", `Select ${job.filename || job.id}${job.accepted_at ? ` of ${format.clock(job.accepted_at)}` : ""}`);
  const reason = job.error && job.state !== "done" ? `${job.error.code}: ${job.error.detail}` : "";
  row.facts.textContent = job.accepted_at ? facts(job) : "";
  row.note.textContent = [job.attempts > 1 ? `${job.attempts} attempts` : "", reason].filter(Boolean).join(" · ");
  thumbnail(row.picture, job);
}

/** The smallest rendition; none before there is one. */
function thumbnail(picture, job) {
  const [smallest] = (job.renditions ?? []).toSorted((one, other) => one.bytes - other.bytes);
  const address = smallest ? new URL(renditionPath(job.id, smallest.name), document.baseURI).pathname : "";
  picture.hidden = !smallest;
  if (smallest && picture.getAttribute("src") !== address) picture.src = address;
}

function facts({ id, preset, original, accepted_at: accepted, ended_at: ended }) {
  const took = ended ? format.duration(format.between(accepted, ended)) : "";
  return [id.slice(-8), preset, format.bytes(original.bytes), took, format.clock(accepted)].filter(Boolean).join(" · ");
}
