// A receiver of pixmill's events with Node alone, without a package.
//
// WEBHOOK_SECRET=$(python -m web webhook-secret TENANT URL) PORT=8000 node webhook_node.mjs
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const TOLERANCE_SECONDS = 300;
const BODY_BYTES_MAX = 20_000;
const handled = new Set(); // in your app: a table with the webhook-id as its key
const changes = new Map(); // in your app: a column of the row that the job belongs to

function verified(headers, body) {
  const id = headers["webhook-id"], timestamp = headers["webhook-timestamp"];
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) < TOLERANCE_SECONDS)) return false;
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  return (headers["webhook-signature"] ?? "").split(" ").some((signature) => {
    const [version, text] = signature.split(",");
    const given = Buffer.from(text ?? "", "base64");
    return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

function handle(job) {
  if (job.change <= (changes.get(job.id) ?? 0)) return;
  changes.set(job.id, job.change);
  console.log(job.id, job.state, (job.renditions ?? []).map((picture) => picture.url));
}

async function answer(request, response) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_BYTES_MAX) return response.writeHead(413).end();
    parts.push(part);
  }
  const body = Buffer.concat(parts);
  if (!verified(request.headers, body)) return response.writeHead(401).end();
  const id = request.headers["webhook-id"];
  if (!handled.has(id)) {
    handle(JSON.parse(body).data);
    handled.add(id);
  }
  response.writeHead(204).end();
}

createServer((request, response) => {
  answer(request, response).catch(() => response.destroy()); // its sender is gone, or handle() failed: it is sent again
}).listen(Number(process.env.PORT), "127.0.0.1", function () {
  console.log(`listening on ${this.address().port}`);
});
