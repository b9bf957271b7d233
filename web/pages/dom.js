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

/** Make the element say this; one that says it already is not laid out again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make `parent` show these elements; one that would be the same stays, with its focus. */
export function refresh(parent, ...fresh) {
  fresh.forEach((element, index) => {
    const present = parent.children[index];
    if (!present) parent.append(element);
    else if (!present.isEqualNode(element)) present.replaceWith(element);
  });
  while (parent.children.length > fresh.length) parent.lastElementChild.remove();
}

/** Say it to everyone: seen, and read out by a screen reader. */
export function say(text) {
  byId("said").textContent = text;
}

/** Do it and say `done`, if there is anything to say; or say why it could not be done. */
export async function attempt(act, done) {
  try {
    await act();
    if (done) say(done);
  } catch (error) {
    say(error.message);
  }
}

let asked = Promise.resolve();

/** Ask before what cannot be undone; true if the user means it. One question after the other: none changes under a click. */
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
