// The form of the filters: what a person chose there, and what it shows of the page's address. Knows no list.
import { FILTERS } from "../address.js";
import { byId, make } from "../dom.js";
import * as format from "../format.js";
import { tenants } from "../session.js";

const NAMES = { accepted_after: "accepted after", accepted_before: "accepted before", find: "with", sort: "by" };
const TIMES = ["accepted_after", "accepted_before"];

const field = (name) => byId(`f-${name}`);

/** The filters as they are chosen; those that are not are empty. */
export const chosen = () => Object.fromEntries(FILTERS.map((name) => [name, stored(name, field(name).value.trim())]));

const stored = (name, value) => (TIMES.includes(name) ? format.stored(value) : value);

/** Show these filters. */
export function show(filters) {
  offer(filters.tenant);
  for (const name of FILTERS) {
    const value = filters[name] ?? "";
    field(name).value = TIMES.includes(name) ? format.local(value) : value;
  }
}

/** Offer the tenants that this key may choose from, and the one that the address names. */
function offer(named) {
  const names = [...new Set([...tenants(), named].filter(Boolean))];
  field("tenant").closest("label").hidden = !names.length;
  field("tenant").replaceChildren(make("option", { value: "" }, "all"), ...names.map((name) => make("option", {}, name)));
}

/** These filters in words: state failed, code undecodable. */
export const words = (filters) => Object.entries(filters).map(([name, value]) => `${NAMES[name] ?? name} ${value}`).join(", ");

/** The filters that the server knows. The others are for the jobs that were read. */
export const served = ({ find, sort, ...others }) => others;

/** Call `changed()` when the filters have changed. A time counts once it is whole: when its field is left. */
export function follow(changed) {
  byId("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    changed();
  });
  byId("filters").addEventListener("change", ({ target }) => TIMES.includes(target.id.slice(2)) || changed());
  for (const name of TIMES) field(name).addEventListener("blur", changed);
}
