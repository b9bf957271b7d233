// The last hours in figures: lines for the chart, sums by hour, and a sentence. Pure: intervals of the API in.

/** The height of the chart in its own units. One interval is one unit wide. */
const HEIGHT = 60;
const HOUR_MS = 3_600_000;

const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** Jobs that ended, and those of them that failed. */
export const ended = ({ ended }) => total(ended);
export const failed = ({ ended }) => (ended.failed ?? 0) + (ended.dead ?? 0);

/** The path of one figure from `from` (ms) on; it has a gap where an interval is missing. `top`: the figure at the
 * upper edge. */
export function path(intervals, figure, top, from, step) {
  let next = null;
  const parts = intervals.map((interval) => {
    const x = Math.round((new Date(interval.at) - from) / step);
    const y = (HEIGHT - 2 - ((HEIGHT - 4) * figure(interval)) / Math.max(top, 1e-9)).toFixed(1);
    const part = `${x === next ? "L" : "M"}${x} ${y}h1`;
    next = x + 1;
    return part;
  });
  return parts.join("");
}

/** The highest value of a figure. */
export const highest = (intervals, figure) => intervals.reduce((most, interval) => Math.max(most, figure(interval)), 0);

/** Those that are over: the one that began at `latest` (ms) lasts, and a line would fall with it. Unless there is no
 * other. */
export function whole(intervals, latest) {
  const over = intervals.filter(({ at }) => new Date(at) < latest);
  return over.length ? over : intervals;
}

/** The sums of each hour that has an interval, the latest first; an hour begins at its full hour. */
export function byHour(intervals) {
  const hours = new Map();
  for (const interval of intervals) {
    const at = Math.floor(new Date(interval.at) / HOUR_MS) * HOUR_MS;
    const sum = hours.get(at) ?? { at, accepted: 0, ended: 0, failed: 0, oldest: 0, counted: 0 };
    sum.accepted += interval.accepted;
    sum.ended += ended(interval);
    sum.failed += failed(interval);
    sum.oldest = Math.max(sum.oldest, interval.oldest_seconds);
    sum.counted += interval.counted_seconds;
    hours.set(at, sum);
  }
  return [...hours.values()].reverse();
}

/** How many gaps there are between the first interval and the last. */
export function gaps(intervals, step) {
  const times = intervals.map(({ at }) => new Date(at).getTime());
  return times.filter((at, index) => index > 0 && at > times[index - 1] + step).length;
}

/** Both lists in order of time; where both have an interval, the later read counts. None is older than `from` (ms). */
export function merged(known, fresh, from) {
  const byTime = new Map([...known, ...fresh].map((interval) => [interval.at, interval]));
  return [...byTime.values()].filter(({ at }) => new Date(at) >= from).sort((one, other) => (one.at < other.at ? -1 : 1));
}
