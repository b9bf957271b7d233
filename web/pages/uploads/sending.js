// Sends files, a few at once. What was not confirmed is sent again by itself, with the same key: no file is accepted
// twice. Knows no element; a sender (a card) hears what becomes of its file.
import { heardStatus } from "../api.js";
import { known } from "../session.js";
import { notTaken, pauseAfter, verdict } from "./verdict.js";

const TOGETHER = 4;

const waiting = [];
const paused = new Map(); // by sender: the timer of its next try
let sending = 0;

/**
 * Send `file` with `preset`. `sender` has `waits()`, `sends()`, `progress(share)`, `accepted(id)`, `again(reason, ms,
 * maybe)` (the next try comes in `ms`; `maybe`: it may be a job already), `refused(reason)` and `stopped(maybe)`.
 */
export function enqueue(sender, file, preset) {
  sender.sent = { file, preset, key: crypto.getRandomValues(new Uint32Array(4)).join("-"), tries: 0, maybe: false, whole: false };
  retry(sender);
}

/** Send it again, in its turn. */
export function retry(sender) {
  clearTimeout(paused.get(sender));
  paused.delete(sender);
  if (waiting.includes(sender) || sender.sent.request) return;
  waiting.push(sender);
  sender.waits();
  next();
}

/** Send it no more. */
export function stop(sender) {
  clearTimeout(paused.get(sender));
  paused.delete(sender);
  if (waiting.includes(sender)) waiting.splice(waiting.indexOf(sender), 1);
  if (sender.sent.request) sender.sent.request.abort();
  else sender.stopped(sender.sent.maybe);
}

/** Whether a file would be lost if the page were closed now. */
export const unsent = () => sending + waiting.length + paused.size > 0;

function next() {
  while (sending < TOGETHER && waiting.length) {
    sending += 1;
    send(waiting.shift()).finally(() => {
      sending -= 1;
      next();
    });
  }
}

function send(sender) {
  const { file, preset, key } = sender.sent;
  const request = new XMLHttpRequest();
  const form = new FormData();
  form.append("preset", preset);
  form.append("image", file);
  sender.sent.request = request;
  sender.sent.tries += 1;
  sender.sends();
  request.upload.onprogress = ({ loaded, total }) => sender.progress(total ? loaded / total : 0);
  return new Promise((ended) => {
    request.onloadend = ended;
    request.upload.onload = () => (sender.sent.whole = true);
    request.onabort = () => {
      sender.sent.request = null;
      sender.stopped(sender.sent.maybe || sender.sent.whole);
    };
    request.onerror = () => answered(sender, 0, "No connection", {});
    request.onload = () => answered(sender, request.status, `The server answered ${request.status}`, read(request));
    request.open("POST", "upload");
    request.setRequestHeader("Idempotency-Key", key);
    request.send(form);
  });
}

function read(request) {
  try {
    return { ...JSON.parse(request.responseText), retry: Number(request.getResponseHeader("Retry-After")) || 0 };
  } catch {
    return {}; // a proxy's page, not our answer
  }
}

function answered(sender, status, otherwise, { id, detail, code, retry: seconds = 0 }) {
  const meant = status === 202 && !id ? "again" : verdict(status);
  const reason = detail ?? otherwise;
  sender.sent.request = null;
  heardStatus(status);
  if (meant === "accepted") return sender.accepted(id);
  if (meant === "refused") return sender.refused(reason);
  if (meant === "login") return afterLogIn(sender);
  sender.sent.maybe ||= !notTaken(status, code);
  const ms = pauseAfter(sender.sent.tries, seconds);
  paused.set(sender, setTimeout(() => retry(sender), ms));
  sender.again(reason, ms, sender.sent.maybe);
}

function afterLogIn(sender) {
  paused.set(sender, 0);
  sender.again("You are logged out", 0, sender.sent.maybe);
  known().then(() => paused.has(sender) && retry(sender));
}

addEventListener("online", () => [...paused.keys()].forEach(retry));
addEventListener("beforeunload", (event) => unsent() && event.preventDefault());
