// Which jobs of the list are selected, and the buttons for them and for all that match.
import { query } from "../api.js";
import { byId, keepFocus, make, write } from "../dom.js";
import { lacks } from "../session.js";
import * as store from "../store.js";

/** The ids of the selected jobs, of those that were read. */
export const selected = new Set();

let shown = { filters: {}, ids: [], more: null };
let matching = false; // all that match are selected, also those that were not read

/** Whether this job of the list is selected. */
export const isSelected = (id) => matching || selected.has(id);

/** Whether all jobs that match are selected, also those that were not read. */
export const allThatMatch = () => matching;

/** Select none. */
export function clear() {
  matching = false;
  selected.clear();
}

/** Select a job, or no longer. */
export function choose(id) {
  if (matching) shown.ids.forEach((other) => selected.add(other));
  matching = false;
  if (!selected.delete(id)) selected.add(id);
  dispatchEvent(new Event("selected"));
}

/** Select all jobs that were read and match; a second time, none. */
export function chooseAll() {
  const all = shown.ids.every(isSelected);
  matching = false;
  shown.ids.forEach((id) => (all ? selected.delete(id) : selected.add(id)));
  dispatchEvent(new Event("selected"));
}

/** Select all jobs that match, also those that were not read. */
export function chooseMatching() {
  matching = true;
  dispatchEvent(new Event("selected"));
}

/** Show the buttons for these filters, and for these of their jobs. */
export function drawActions(filters, ids, more) {
  shown = { filters, ids, more };
  const pressed = document.activeElement;
  byId("select-all").disabled = !ids.length;
  const all = ids.length > 0 && ids.every(isSelected);
  byId("select-all").checked = all;
  byId("select-matching").hidden = !all || !more || matching || Boolean(filters.find);
  write(byId("selected-count"), matching ? "all that match are selected" : selected.size ? `${selected.size.toLocaleString()} selected` : "");
  byId("requeue-selected").hidden = byId("purge-selected").hidden = !selected.size && !matching;
  for (const name of ["selected", "matching"]) byId(`requeue-${name}`).disabled = byId(`purge-${name}`).disabled = lacks("write");
  byId("requeue-matching").hidden = !ids.length || Boolean(filters.find) || !store.REQUEUEABLE.includes(filters.state);
  byId("purge-matching").hidden = !ids.length || Boolean(filters.find) || !store.ENDED.includes(filters.state);
  drawCodes(filters, ids, more);
  if (pressed.hidden) byId("jobs-title").focus();
}

function drawCodes(filters, ids, more) {
  const codes = new Map();
  if (["dead", "failed"].includes(filters.state)) {
    for (const id of ids) {
      const code = store.job(id)?.error?.code;
      if (code) codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  }
  const text = [...codes].map(([code, many]) => `${code} ${many}`).join();
  const place = byId("codes");
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  const held = place.contains(document.activeElement) && document.activeElement.dataset.code;
  place.replaceChildren(...[...codes].map(([code, many]) => make("a", { class: "chip", "data-filter": "", "data-code": code, href: query({ ...filters, code }) }, `${code} ${many}${more ? "+" : ""}`)));
  if (!held) return;
  [...place.children].find((chip) => chip.dataset.code === held)?.focus(); // its number has changed
  keepFocus();
}
