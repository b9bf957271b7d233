// The keyboard: keys of a single letter or sign, which can be switched off in the help. The browser remembers that.
import * as address from "./address.js";
import { byId } from "./dom.js";
import * as act from "./list/actions.js";
import * as list from "./list/list.js";
import { lacks } from "./session.js";

const STORED = "pixmill.letters";
const KEYS = {
  "/": () => (address.asked().view === "jobs" || address.view("jobs"), byId("f-reference").focus()),
  j: () => list.move(1),
  k: () => list.move(-1),
  r: () => list.marked() && !lacks("write") && act.requeueAfterAsking(list.marked()),
  "?": () => byId("help").showModal(),
};
const OF_JOBS = ["j", "k", "r"];

const letters = byId("letters");
const recall = () => (letters.checked = localStorage.getItem(STORED) !== "off");
recall();
addEventListener("pageshow", recall); // after Back, a browser checks it as it was in the document
letters.addEventListener("change", () => localStorage.setItem(STORED, letters.checked ? "on" : "off"));

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
  if (!letters.checked || typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  if (OF_JOBS.includes(event.key) && address.asked().view !== "jobs") return;
  event.preventDefault();
  KEYS[event.key]();
});
