// What all roles logged of a job, for operators: read when it is opened.
import { call, jobPath } from "../api.js";
import { make } from "../dom.js";
import { lacks } from "../session.js";

const FIXED = ["at", "level", "role", "process", "event", "job"];

/** A part that is closed at first; null for others than operators. `open`: it was open before it was drawn anew. */
export function lines(job, open) {
  if (lacks("operate")) return null;
  const body = make("div", {}, make("p", { class: "quiet" }, "Reading…"));
  const part = make("details", { class: "lines", ontoggle: () => part.open && fill(job.id, body) }, make("summary", {}, "Log"), body);
  part.open = Boolean(open);
  return part;
}

async function fill(id, body) {
  const answer = await call("GET", `${jobPath(id)}/logs`).catch((error) => error);
  if (answer instanceof Error) return body.replaceChildren(make("p", { class: "quiet" }, answer.message));
  const older = answer.complete ? [] : [make("p", { class: "quiet" }, "There may be older lines.")];
  const none = answer.lines.length ? [] : [make("p", { class: "quiet" }, "No line names this job.")];
  const text = answer.lines.map(shown).join("\n");
  const shownLines = text ? [make("pre", { tabindex: "0", role: "region", "aria-label": "Log" }, text)] : [];
  body.replaceChildren(...older, ...none, ...shownLines);
}

function shown(line) {
  const more = Object.entries(line).filter(([name]) => !FIXED.includes(name));
  const members = more.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  return [line.at, line.role, line.level === "info" ? "" : line.level.toUpperCase(), line.event, ...members].filter(Boolean).join(" ");
}
