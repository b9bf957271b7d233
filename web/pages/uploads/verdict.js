// What an answer to an upload means, and when to send the file again. Pure: knows no request and no element.

const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 30_000;
const NOT_TAKEN = ["queue_full", "wait_too_long", "draining", "rate_limited", "too_many_at_once", "disk_full"];

/** `accepted`, `login` (the server does not know the caller), `again` (nobody knows whether it was accepted, or it may
 * be later), or `refused`: the same file would be refused again. `status` is 0 if no answer came. */
export function verdict(status) {
  if (status === 202) return "accepted";
  if (status === 401) return "login";
  return status === 408 || status === 429 || status >= 500 || status < 400 ? "again" : "refused";
}

/** Whether the answer says that the file was not accepted. Otherwise it may be a job by now. */
export const notTaken = (status, code) => status === 429 || NOT_TAKEN.includes(code);

/** Milliseconds until the try after `tries` tries: twice as long each time, and not before the server's Retry-After. */
export const pauseAfter = (tries, retryAfterSeconds) =>
  Math.min(AGAIN_MS_MAX, Math.max(retryAfterSeconds * 1000, AGAIN_MS * 2 ** Math.min(tries - 1, 10)));
