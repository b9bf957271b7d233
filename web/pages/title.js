// The title of the document: the view that is shown, and how far the uploads are. Owns it; knows neither.

const PRODUCT = "pixmill";

let view = "";
let share = "";

/** The view of this name is shown. */
export function name(shown) {
  view = shown;
  write();
}

/** So many uploads are over, as `3/30`; empty once nothing is under way. */
export function progress(over) {
  share = over;
  write();
}

function write() {
  const text = [share, view ? `${view} · ${PRODUCT}` : PRODUCT].filter(Boolean).join(" ");
  if (document.title !== text) document.title = text;
}
