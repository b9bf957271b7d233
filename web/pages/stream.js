// One stream of all events, opened anew whenever it breaks. Runs in a page, or in the worker that the tabs share
// (shared.js). The browser reconnects by itself with Last-Event-ID, and receives the missed events. Only if the stream
// had no event yet, everything must be read again. Beats come each second: without them the state is unknown. Knows no
// page.

const RETRY_MS = 1000;
const SILENT_MS = 3000;
const GIVEN_UP_MS = 15_000;
const NAMES = ["job", "described", "rendition", "beat", "reset"];

/**
 * Open the stream. `notify(name, data)` gets its events, and also `missed` (read everything again), `silent` (with the
 * reason) and `refused`: after that nothing comes until `again()`.
 */
export function open(notify) {
  let events = null;
  let beatAt = performance.now();
  let openedAt = 0;
  let waiting = 0;

  function connect() {
    waiting = 0;
    openedAt = performance.now();
    const mine = new EventSource("events");
    let numbered = false;
    events = mine;
    for (const name of NAMES) {
      mine.addEventListener(name, (message) => {
        numbered = message.lastEventId !== "";
        if (name === "beat") beatAt = performance.now();
        notify(name, JSON.parse(message.data));
      });
    }
    mine.onopen = () => numbered || notify("missed");
    mine.onerror = () => mine.readyState === EventSource.CLOSED && refused(); // the process is leaving, or the user has logged out
  }

  function refused() {
    close();
    notify("refused");
  }

  function close() {
    events?.close();
    events = null;
    clearTimeout(waiting);
    waiting = 0;
  }

  /** Open it again after a refusal, once the server knows the caller. A second call is harmless. */
  function again() {
    if (!events) waiting ||= setTimeout(connect, RETRY_MS);
  }

  const watch = setInterval(() => {
    const now = performance.now();
    if (now - beatAt < SILENT_MS) return;
    notify("silent", events?.readyState === EventSource.OPEN ? "The broker is silent" : "No connection: trying again");
    if (events && now - Math.max(beatAt, openedAt) > GIVEN_UP_MS) refused(); // its server hangs, or the connection is cut
  }, RETRY_MS);

  connect();
  return { again, end: () => (clearInterval(watch), close()) };
}
