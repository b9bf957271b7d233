// The events that this page receives: by the stream that all tabs of the browser share (shared.js), or by a stream of
// its own, if there are no shared workers, or the shared one is silent.
import { known, who } from "./session.js";
import * as store from "./store.js";
import { open } from "./stream.js";

const LOOK_MS = 1000;
const UNHEARD_MS = 5000; // a beat, or a report of silence, comes each second

const HEARD = {
  job: store.changed,
  described: ({ id, change, ...facts }) => store.described(id, facts, change),
  rendition: ({ id, rendition, change }) => store.landed(id, rendition, change),
  beat: store.heardStats,
  reset: store.missed,
  missed: store.missed,
  silent: store.silent,
  refused: () => known().then(() => line.again()),
};

let line = null;

/** Follow all events for as long as the page lives. The server must know who is calling. */
export function follow() {
  try {
    line = shared();
  } catch {
    line = own(); // this browser, or this page, has no shared workers
  }
}

const own = () => open((name, data) => HEARD[name](data));

function shared() {
  const worker = new SharedWorker(new URL("shared.js", document.baseURI), { type: "module" });
  const { port } = worker;
  const say = (does) => port.postMessage({ does, whom: who() });
  let heardAt = performance.now();
  let asked = false;

  function alone() {
    clearInterval(watch);
    worker.onerror = port.onmessage = null;
    say("leave");
    port.close();
    line = own();
  }

  const watch = setInterval(() => {
    if (performance.now() - heardAt < UNHEARD_MS) asked = false;
    else if (asked) alone();
    else say("ping"), (asked = true); // this page may have slept, with messages in its queue
  }, LOOK_MS);
  worker.onerror = alone;
  port.onmessage = ({ data: { name, data } }) => {
    heardAt = performance.now();
    HEARD[name]?.(data);
  };
  addEventListener("pagehide", () => say("leave"));
  addEventListener("pageshow", ({ persisted }) => persisted && say("follow"));
  say("follow");
  return { again: () => say("follow") };
}
