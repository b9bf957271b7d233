// The title of the document: the view or the job that is shown, and how far the uploads are. Owns it; knows none of them.

const PRODUCT = "pixmill";

let view = "";
let job = "";
let share = "";

/** The view of this name is shown. */
export function name(shown) {
  view = shown;
  write();
}

/** The job of this name is open; empty: none is. */
export function opened(name) {
  job = name;
  write();
}

/** So many uploads are over, as `3/30`; empty once nothing is under way. */
export function progress(over) {
  share = over;
  write();
}

function write() {
  const text = [share, [job || view, PRODUCT].filter(Boolean).join(" · ")].filter(Boolean).join(" ");
  if (document.title !== text) document.title = text;
}
