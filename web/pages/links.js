// The links of a picture: open it in a new tab, download it, copy its address; and the same for many.
import { absolute } from "./api.js";
import { copy, make, say } from "./dom.js";
import * as format from "./format.js";

const BETWEEN_MS = 300; // a browser leaves out downloads that come faster

const address = (path) => new URL(path, document.baseURI).pathname;

/** Download and copy the picture at this path; `what` it is, for those who hear the links. */
export const links = (path, what) =>
  make(
    "span",
    { class: "links" },
    make("a", { href: address(path), download: "", "aria-label": `Download ${what}` }, "Download"),
    make("button", { type: "button", onclick: () => copy(absolute(path), what), "aria-label": `Copy address of ${what}` }, "Copy address"),
  );

/** The picture as a link that opens it in a new tab. */
export const opened = (path, what, image) =>
  make("a", { href: address(path), target: "_blank", "aria-label": `Open ${what} in a new tab` }, image);

/** Copy the addresses of all these paths, one a line. */
export const copyAll = (paths) => copy(paths.map(absolute).join("\n"), format.count(paths.length, "address", "addresses"));

/** Download them one after the other. The browser may ask whether it shall. */
export async function downloadAll(paths) {
  say(`Downloading ${format.count(paths.length, "file")}. Your browser may ask whether it shall.`);
  for (const path of paths) {
    make("a", { href: address(path), download: "" }).click();
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
}
