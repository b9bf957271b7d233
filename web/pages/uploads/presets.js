// The choice of a preset. The browser remembers it. Knows no upload.
import { call } from "../api.js";
import { byId, make } from "../dom.js";

const STORED = "pixmill.preset";
const DEFAULT = "default";

const choice = byId("preset");
let recipes = {};

/** The name of the chosen preset. */
export const chosen = () => choice.value || DEFAULT;

/** Read the presets; without them there is the default alone. */
export async function read() {
  recipes = (await call("GET", "presets").catch(() => ({ presets: {} }))).presets;
  const names = Object.keys(recipes);
  if (!names.length) return;
  choice.replaceChildren(...names.map((name) => make("option", {}, name)));
  const kept = localStorage.getItem(STORED);
  choice.value = names.includes(kept) ? kept : DEFAULT;
  tell();
}

function tell() {
  const made = recipes[choice.value]?.renditions ?? [];
  byId("preset-makes").textContent = made.length ? `makes ${made.map(sized).join(", ")}` : "";
}

/** thumb 320×320 jpeg. A side that the recipe leaves open is left out. */
function sized({ name, width, height, format }) {
  const sides = width && height ? `${width}×${height}` : width ? `${width} wide` : height ? `${height} high` : "";
  return [name, sides, format === "original" ? "" : format].filter(Boolean).join(" ");
}

choice.addEventListener("change", () => {
  localStorage.setItem(STORED, choice.value);
  tell();
});
