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

/** Show a message, which screen readers read out too. */
export function say(text) {
  byId("said").textContent = text;
}

/** Copy a text, or show it if the browser does not allow that. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
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
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
