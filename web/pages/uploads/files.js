// The files that a person chooses, drops or pastes: a dropped folder is walked. Tells what cannot be taken before it is
// sent. Knows no request.
import { byId } from "../dom.js";
import * as format from "../format.js";

const FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF, BMP";
const ENDINGS = /\.(jpe?g|jfif|png|webp|avif|hei[cf]|gif|tiff?|bmp)$/i;

const most = () => Number(byId("files").dataset.bytesMax);

/** The formats and the limit, in words. */
export const limits = () => `${FORMATS}; at most ${format.bytes(most())} each`;

/** The reason why this file cannot be taken; empty if it may be. The server judges its bytes. */
export function reasonAgainst(file) {
  if (file.size > most()) return `This file has ${format.bytes(file.size)}. At most ${format.bytes(most())} are taken.`;
  return file.size ? "" : "This file is empty.";
}

/** The images among the files of a folder, and how many others there are. Hidden files count as neither. */
export function sorted(files) {
  const seen = files.filter(({ name }) => !name.startsWith("."));
  const images = seen.filter(({ name, type }) => ENDINGS.test(name) || type.startsWith("image/"));
  return { images, others: seen.length - images.length };
}

/** What was dropped: `files` that were dropped themselves, and those `within` dropped folders (null if there
 * was no folder). */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean); // void after this turn
  const files = [...transfer.files];
  const folders = entries.filter((entry) => entry.isDirectory);
  if (!folders.length) return { files, within: null };
  const names = new Set(folders.map(({ name }) => name)); // a folder is among the files, too, as if it were one
  const within = (await Promise.all(folders.map(walk))).flat();
  const plain = entries.filter((entry) => entry.isFile).map(({ name }) => name);
  return { files: files.filter(({ name }) => plain.includes(name) || !names.has(name)), within };
}

async function walk(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at most
    if (!some.length) break;
    for (const each of some) found.push(...(await walk(each)));
  }
  return found;
}
