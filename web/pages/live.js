// One event stream for the whole page. The browser reconnects by itself with Last-Event-ID and is told what it missed;
// only a stream that had no event yet must read everything again. Beats come each second: without them nothing is known.
import { known } from "./session.js";
import * as store from "./store.js";

const RETRY_MS = 1000;
const SILENT_MS = 3000;
const GIVEN_UP_MS = 15_000;

let beatAt = performance.now();

/** Follow /events for as long as the page lives. */
export function follow() {
  const events = new EventSource("events");
  const openedAt = performance.now();
  let numbered = false;
  const on = (name, heard) =>
    events.addEventListener(name, (message) => {
      numbered = message.lastEventId !== "";
      heard(JSON.parse(message.data));
    });
  const again = (afterMs) => {
    events.close();
    clearInterval(watch);
    setTimeout(() => known().then(follow), afterMs);
  };
  const watch = setInterval(() => {
    const now = performance.now();
    if (now - beatAt < SILENT_MS) return;
    store.silent(events.readyState === EventSource.OPEN ? "The broker is silent" : "No connection: trying again");
    if (now - Math.max(beatAt, openedAt) > GIVEN_UP_MS) again(0); // its server stands still, or the line is cut
  }, RETRY_MS);
  on("job", store.changed);
  on("rendition", ({ id, rendition, change }) => store.landed(id, rendition, change));
  on("beat", (stats) => {
    beatAt = performance.now();
    store.heardStats(stats);
  });
  on("reset", store.missed);
  events.onopen = () => numbered || store.missed();
  events.onerror = () => events.readyState === EventSource.CLOSED && again(RETRY_MS); // refused: by a process on its way out, or logged out
}
