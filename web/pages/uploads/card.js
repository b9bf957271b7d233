// One upload as a card: its state, its note, its buttons, and its renditions with their links. Knows no queue.
import { renditionPath } from "../api.js";
import { keepFocus, make, write } from "../dom.js";
import * as format from "../format.js";
import { links, opened } from "../links.js";
import { preview } from "../preview.js";
import { lacks } from "../session.js";

/** A card for the file of this name. */
export function newCard(name) {
  const card = {
    filename: name || "upload",
    state: make("span", { class: "state" }, "waiting"),
    name: make("span", { class: "name" }, name || "upload"),
    note: make("span", { class: "quiet" }),
    bar: make("progress", { max: "1", value: "0", "aria-label": `upload of ${name}`, hidden: true }),
    actions: make("span", { class: "actions" }),
    pictures: make("div", { class: "pictures" }),
    askedAt: 0,
  };
  const line = make("div", { class: "line" }, card.state, card.name, card.note, card.bar, card.actions);
  card.item = make("li", { class: "card" }, line, card.pictures);
  return card;
}

/** Show its state, and the note beside it. */
export function mark(card, state, note, looks = state) {
  write(card.state, state);
  card.state.className = `state ${looks}`;
  write(card.note, note);
}

/** Show these buttons: names and what they do. Those that are there stay, and keep the focus. */
export function buttons(card, wanted) {
  const present = [...card.actions.children].map((button) => button.textContent).join();
  card.acts = Object.fromEntries(wanted);
  if (present === wanted.map(([name]) => name).join()) return;
  const pressed = card.actions.contains(document.activeElement) && document.activeElement.textContent;
  card.actions.replaceChildren(
    ...wanted.map(([name]) =>
      make("button", { type: "button", disabled: lacks("write"), onclick: () => card.acts[name](), "aria-label": `${name} ${card.filename}` }, name),
    ),
  );
  if (pressed) rest(card, pressed);
}

/** The button that had the focus is gone: focus the one of the same name, or the job's name, or what is left. */
function rest(card, pressed) {
  const buttons = [...card.actions.children];
  (buttons.find(({ textContent }) => textContent === pressed) ?? card.name.querySelector("a") ?? buttons[0])?.focus();
  keepFocus();
}

/** Take it off the page. */
export function remove(card) {
  card.item.remove();
  keepFocus();
}

/** Show the colours of the original, until a rendition has come. */
export function showPreview(card, job) {
  const shown = card.pictures.querySelector(".preview");
  const src = job.renditions?.length ? null : preview(job.placeholder);
  if (!src) return shown?.remove();
  if (!shown) card.pictures.append(make("figure", { class: "preview" }, make("img", { src, alt: `Colours of ${card.filename}` })));
}

/** Show a rendition, or what is known of it by now. */
export function showRendition(card, job, rendition) {
  const shown = [...card.pictures.children].find((figure) => figure.dataset.name === rendition.name) ?? newFigure(card, job, rendition);
  const share = job.original ? `, ${Math.round((100 * rendition.bytes) / job.original.bytes)} % of the original` : "";
  write(shown.querySelector(".size"), `${rendition.width}×${rendition.height} ${rendition.format}\n${format.bytes(rendition.bytes)}${share}`);
}

function newFigure(card, job, { name, width, height }) {
  const path = renditionPath(job.id, name);
  const address = new URL(path, document.baseURI).pathname;
  const what = `${name} of ${card.filename}`;
  const image = make("img", { src: address, alt: what, width, height, loading: "lazy" });
  const colours = preview(job.placeholder);
  if (colours) image.style.background = `center / 100% 100% url("${colours}")`;
  image.onload = () => image.style.removeProperty("background"); // it may be transparent
  const caption = make("figcaption", {}, make("strong", {}, name), make("span", { class: "size" }), links(path, what));
  const figure = make("figure", { "data-name": name }, opened(path, what, image), caption);
  card.pictures.append(figure);
  return figure;
}

/** Make the name of the card a link to its job. */
export function link(card, id) {
  card.name.replaceChildren(make("a", { href: `?job=${id}`, "data-job": id }, card.filename));
}
