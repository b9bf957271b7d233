// What receivers were told of a job (webhooks): each delivery's state and last answer, and a button that replays it.
import { call } from "../api.js";
import { attempt, make } from "../dom.js";
import * as format from "../format.js";
import { lacks } from "../session.js";

const HEAD = ["Event", "Receiver", "State", "Attempts", "Last answer", "Next", ""];

/** A heading and a table, or nothing if nobody is told. `again` reads the job anew after a replay. */
export function deliveries(told, again) {
  if (!told?.length) return [];
  const titles = make("tr", {}, ...HEAD.map((name) => make("th", { scope: "col" }, name)));
  const table = make("table", {}, make("thead", {}, titles), make("tbody", {}, ...told.map((each) => row(each, again))));
  return [make("h3", {}, "Webhooks"), make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Webhooks" }, table)];
}

function row({ id, type, url, state, attempts, status, error, answer, due_at: due }, again) {
  const replayed = () => attempt(() => call("POST", `deliveries/${encodeURIComponent(id)}/replay`), "It is tried again.").then(again);
  const button = make("button", { type: "button", disabled: lacks("write"), "aria-label": `Replay ${type} to ${url}`, onclick: replayed }, "Replay");
  const last = [status, error, answer].filter(Boolean).join(" · ");
  const cells = [type, url, state, String(attempts), last, due ? format.time(due) : ""];
  return make("tr", {}, ...cells.map((text) => make("td", {}, text)), make("td", {}, button));
}
