// The ids of this browser's uploads, which it stores: a reload shows them again.

const STORED = "pixmill.uploads";

/** How many ids and cards are kept. */
export const KEPT = 30;

/** The ids, newest first. */
export function remembered() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "[]");
  } catch {
    return [];
  }
}

export function remember(id) {
  localStorage.setItem(STORED, JSON.stringify([id, ...remembered().filter((other) => other !== id)].slice(0, KEPT)));
}

export function forget(id) {
  localStorage.setItem(STORED, JSON.stringify(remembered().filter((other) => other !== id)));
}
