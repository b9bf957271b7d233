// Who did what, for operators: read when it is opened, and further back on request.
import { call } from "../api.js";
import { attempt, byId, make } from "../dom.js";
import * as format from "../format.js";
import { lacks } from "../session.js";

const PAGE = 50;
let next = null;
let asked = 0;

/** Show it to operators only. */
export const beat = () => {
  byId("log").hidden = lacks("operate");
};

/** Read the newest, if it is open. */
export function toggled() {
  if (byId("log-details").open) read(null);
}

/** Read those before the last one that is shown. */
export const more = () => read(next);

const read = (after) =>
  attempt(async () => {
    const mine = ++asked;
    const answer = await call("GET", `actions?limit=${PAGE}${after ? `&after=${encodeURIComponent(after)}` : ""}`);
    if (mine !== asked) return; // a later click asked again
    const rows = answer.actions.map(row);
    after ? byId("log-rows").append(...rows) : byId("log-rows").replaceChildren(...rows);
    next = answer.next;
    const held = document.activeElement === byId("log-more");
    byId("log-more").hidden = !next;
    if (held && !next) byId("log-frame").focus();
    byId("log-empty").hidden = byId("log-rows").childElementCount > 0;
  });

function row({ at, who, verb, filter, count }) {
  const named = Object.entries(filter).map(([name, value]) => `${name}: ${value}`);
  const cells = [format.time(at), who ?? "", verb, named.join(", "), count.toLocaleString()];
  return make("tr", {}, ...cells.map((text) => make("td", {}, text)));
}
