// Who uses this page. If the server asks for keys, a log-in comes before anything else. The key goes to the server
// once. The browser keeps a cookie that no script can read.
import { byId, make, say } from "./dom.js";

const SCOPES = ["read", "write", "operate"];
const RETRY_MS = 1000;
const ANSWER_MS = 5000;

const dialog = byId("log-in");
let caller = null;
let asking = null;

/** Resolves once the server knows who is calling: at once, or after a log-in. */
export const known = () => (asking ??= ask().finally(() => (asking = null)));

/** Whether the key lacks this scope. */
export const lacks = (scope) => !caller || SCOPES.indexOf(caller.scope) < SCOPES.indexOf(scope);

/** The names of the tenants that this caller may choose from. */
export const tenants = () => caller?.tenants ?? [];

/** Whether the server asks for keys. */
export const keyed = () => Boolean(caller?.keys);

/** Who is calling, as a text to compare. */
export const who = () => JSON.stringify([caller?.tenant, caller?.scope]);

async function ask() {
  for (;;) {
    const answer = await send("GET");
    const fresh = answer?.ok && (await answer.json().catch(() => null)); // cut off, or a proxy's page
    if (fresh) return enter(fresh);
    if (answer?.status === 401) await logIn();
    else await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** The server's answer, or null if none comes in time. */
const send = (method, options = {}) => fetch("session", { method, signal: AbortSignal.timeout(ANSWER_MS), ...options }).catch(() => null);

function enter(fresh) {
  if (caller && caller.tenant !== fresh.tenant) return location.reload(); // the page shows another tenant's jobs
  caller = fresh;
  if (dialog.open) dialog.close();
  byId("who").textContent = keyed() ? `${caller.tenant}, ${caller.scope}` : "";
  byId("log-out").hidden = !keyed();
  byId("files").disabled = byId("folder").disabled = lacks("write");
  byId("drop").classList.toggle("off", lacks("write"));
  byId("drop-text").textContent = lacks("write") ? "This key may read, but not upload." : "or drop or paste them here, folders too: they are uploaded at once";
}

/** Show the log-in until a key was tried. */
function logIn() {
  byId("health").textContent = "Not logged in";
  byId("health").className = "trouble";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => byId("log-in-form").addEventListener("submit", (event) => resolve(tried(event)), { once: true }));
}

async function tried(event) {
  event.preventDefault();
  const key = byId("key").value.trim();
  byId("key").value = "";
  const headers = { "Content-Type": "application/json" };
  const answer = await send("POST", { headers, body: JSON.stringify({ key }) });
  const problem = answer?.ok ? "" : ((await answer?.json().catch(() => null))?.detail ?? "The server does not answer.");
  byId("log-in-problem").replaceChildren(problem ? make("span", { class: "error" }, problem) : "");
}

async function logOut() {
  const answer = await send("DELETE");
  if (!answer?.ok) return say("The server does not answer: you are still logged in.");
  localStorage.setItem("pixmill.logged-out", ""); // if nothing was stored, clear() alone tells other tabs nothing
  localStorage.clear(); // the list of their uploads
  location.reload();
}

dialog.addEventListener("cancel", (event) => event.preventDefault());
byId("log-out").addEventListener("click", logOut);
addEventListener("unauthorized", () => known());
addEventListener("storage", ({ key }) => key === null && location.reload()); // logged out in another tab
