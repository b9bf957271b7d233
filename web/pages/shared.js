// The worker that all tabs of one browser share: one stream of events for them, because a browser holds six connections
// to a server over HTTP/1.1. It lives as long as any tab. A tab says for whom it follows; where that is another caller
// than the stream is of, the stream is opened anew, and no tab hears what is told to somebody else.
import { open } from "./stream.js";

const tabs = new Map(); // port: for whom
let stream = null;
let caller = null;
let beat = null;

function tell(name, data) {
  if (name === "beat") beat = data;
  for (const [port, whom] of tabs) if (whom === caller) port.postMessage({ name, data });
}

function follow(port, whom) {
  const fresh = !stream || whom !== caller;
  tabs.set(port, whom);
  if (!fresh) {
    port.postMessage({ name: "missed" }); // what came before this tab did
    if (beat) port.postMessage({ name: "beat", data: beat });
    return stream.again();
  }
  stream?.end();
  [caller, beat] = [whom, null];
  stream = open(tell);
}

function leave(port) {
  tabs.delete(port);
  if (tabs.size) return;
  stream?.end();
  stream = null;
}

/** Who hears nothing because the stream is of somebody else asks the server anew who is calling. */
const ping = (port, whom) => port.postMessage({ name: whom === caller ? "pong" : "refused" });

const HEARD = { follow, leave, ping };

addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data: { does, whom } }) => HEARD[does](port, whom);
});
