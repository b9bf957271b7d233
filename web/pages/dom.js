// Small helpers to make and find elements. Knows nothing of jobs.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** A new element: `make("button", { class: "quiet", onclick }, "text", child)`. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value === "boolean") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set the element's text. If it has this text already, the browser lays nothing out again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make `parent` show these elements. An element that would be the same stays, and keeps its focus. */
export function refresh(parent, ...fresh) {
  fresh.forEach((element, index) => {
    const present = parent.children[index];
    if (!present) parent.append(element);
    else if (!present.isEqualNode(element)) present.replaceWith(element);
  });
  while (parent.children.length > fresh.length) parent.lastElementChild.remove();
}

/** The same. If what had the focus went, what took its place gets it. */
export function renew(parent, ...fresh) {
  const index = [...parent.children].findIndex((child) => child.contains(document.activeElement));
  refresh(parent, ...fresh);
  if (index < 0 || parent.contains(document.activeElement)) return;
  const heir = parent.children[Math.min(index, fresh.length - 1)];
  (heir?.matches("a, button") ? heir : heir?.querySelector("a, button"))?.focus();
  keepFocus();
}

const COPIED_MS = 5000;

const NEWS_MS = 2000; // so long each is there: the next one would cut its reading off
const NEWS_MAX = 5;

let said = "";
let unsaid = 0;
let news = [];
let nextNews = 0;

/** Show a message, which screen readers read out too; for `ms`, if that is not 0. What is behind an open dialog is not
 * read out: the dialog shows the message as well. */
export function say(text, ms = 0) {
  said = text && text === said ? `${text}\u00a0` : text; // what stays the same is not read out again
  document.querySelectorAll("#said, dialog:modal .said").forEach((place) => (place.textContent = said));
  clearTimeout(nextNews);
  news = [];
  clearTimeout(unsaid);
  if (ms) unsaid = setTimeout(() => document.querySelectorAll("#said, .said").forEach((place) => (place.textContent = "")), ms);
}

/** Tell news in open dialogs alone: the page behind has another place for them. They come one after the other. What two
 * parts of the page tell is told once. */
export function sayInDialogs(text) {
  if (news.includes(text) || !document.querySelector("dialog:modal")) return;
  news.push(text);
  if (news.length > NEWS_MAX) news.splice(1, 1); // the first one is being read
  if (news.length === 1) tellNews();
}

function tellNews() {
  document.querySelectorAll("dialog:modal .said").forEach((place) => (place.textContent = news[0]));
  nextNews = setTimeout(() => (news.shift(), news.length && tellNews()), NEWS_MS);
}

/** If what had the focus is gone, focus the heading of the open dialog, or else of the view: the keyboard would begin
 * at the top of the page. */
export function keepFocus() {
  if (document.activeElement !== document.body && document.activeElement?.isConnected) return;
  const dialog = [...document.querySelectorAll("dialog:modal")].at(-1);
  (dialog ?? document.querySelector("main > div:not(#heard, [hidden])")).querySelector("h2.rest")?.focus();
}

/** Copy a text, which is `what`; or show it if the browser does not allow that. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied: ${what}.`, COPIED_MS);
  } catch {
    say(text);
  }
}

/** Do it, and show `done` if that is not empty. If it fails, show the reason. */
export async function attempt(act, done) {
  try {
    await act();
    if (done) say(done);
  } catch (error) {
    say(error.message);
  }
}

/** Close what asks or helps, as the page behind it changes: a question that is not answered is answered with no. */
export function dismiss() {
  for (const id of ["confirm", "help"]) if (byId(id).open) byId(id).close();
}

let asked = Promise.resolve();

/** Ask before an action that cannot be undone; true if the user agrees. A question waits for the one before, so none
 * changes under a click. */
export function confirmed(question, action) {
  asked = asked.then(() => ask(question, action));
  return asked;
}

function ask(question, action) {
  const dialog = byId("confirm");
  byId("confirm-question").textContent = question;
  byId("confirm-action").textContent = action;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => (keepFocus(), resolve(dialog.returnValue === "yes")), { once: true }));
}

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("close", () => dialog.querySelector(".said")?.replaceChildren()); // else it were there at the next opening
}
