// The shared worker of all tabs of a browser. It has one stream of events for them, because a browser opens at most six
// connections to a server over HTTP/1.1. It lives as long as any tab. A tab names its caller. If that is another one
// than the stream's, the stream is opened anew, so no tab receives the events of another caller.
import { open } from "./stream.js";

const tabs = new Map(); // by port: its caller
let stream = null;
let caller = null;
let beat = null;

function notify(name, data) {
  if (name === "beat") beat = data;
  for (const [port, whom] of tabs) if (whom === caller) port.postMessage({ name, data });
}

function follow(port, whom) {
  const fresh = !stream || whom !== caller;
  tabs.set(port, whom);
  if (!fresh) {
    port.postMessage({ name: "missed" }); // the changes before this tab came
    if (beat) port.postMessage({ name: "beat", data: beat });
    return stream.again();
  }
  stream?.end();
  [caller, beat] = [whom, null];
  stream = open(notify);
}

function leave(port) {
  tabs.delete(port);
  if (tabs.size) return;
  stream?.end();
  stream = null;
}

/** The stream belongs to another caller: these tabs must ask the server again who is calling. */
const ping = (port, whom) => port.postMessage({ name: whom === caller ? "pong" : "refused" });

const HEARD = { follow, leave, ping };

addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data: { does, whom } }) => HEARD[does](port, whom);
});
