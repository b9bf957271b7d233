// One event stream for the whole page. The browser reconnects by itself with Last-Event-ID.
import { known } from "./session.js";
import * as store from "./store.js";

const RETRY_MS = 1000;

/** Follow /events for as long as the page lives. */
export function follow() {
  const events = new EventSource("events");
  const on = (name, heard) => events.addEventListener(name, (message) => heard(JSON.parse(message.data)));
  on("job", store.changed);
  on("rendition", ({ id, rendition, change }) => store.landed(id, rendition, change));
  on("beat", store.heardStats);
  on("reset", store.missed);
  events.onopen = store.missed;
  events.onerror = () => {
    store.heardStats(null);
    if (events.readyState === EventSource.CLOSED) setTimeout(() => known().then(follow), RETRY_MS); // refused, as by a process on its way out, or logged out
  };
}
