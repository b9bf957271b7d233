// Numbers, sizes and times as people read them. Pure.

const number = new Intl.NumberFormat();
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const hours = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** 1 job, 2 jobs. */
export const count = (many, word, words = `${word}s`) => `${number.format(many)} ${many === 1 ? word : words}`;

/** 512 B, 1.5 kB, 12 MB. */
export function bytes(size) {
  if (size < 1000) return `${size} B`;
  const unit = Math.min(3, Math.floor(Math.log10(size) / 3));
  const scaled = size / 1000 ** unit;
  return `${scaled.toFixed(scaled < 10 ? 1 : 0)} ${["B", "kB", "MB", "GB"][unit]}`;
}

/** 40 ms, 1.2 s, 3 min 5 s, 2 h 1 min. */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${Number.isInteger(seconds) ? seconds : seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const ORDINALS = { one: "st", two: "nd", few: "rd", other: "th" };
const ordinals = new Intl.PluralRules("en", { type: "ordinal" });

/** The place of a job that has not ended: about 12th, about 40 s. Unknown parts are left out. */
export function place({ queue_position: position, eta_seconds: seconds }) {
  const ahead = position === 1 ? "next" : position ? `about ${number.format(position)}${ORDINALS[ordinals.select(position)]}` : "";
  const wait = seconds === null || seconds === undefined ? "" : `about ${duration(Math.max(1, Math.round(seconds)))}`;
  return [ahead, wait].filter(Boolean).join(", ");
}

/** A stored time in the reader's own clock. */
export const time = (at) => date.format(new Date(at));

/** The same, without the day if it is today. */
export const clock = (at) => (new Date(at).toDateString() === new Date().toDateString() ? hours : date).format(new Date(at));

/** A stored time as a field for times has it: in the reader's own clock, to the minute. Empty if it is no time. */
export function local(at) {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? "" : new Date(ms - 60_000 * new Date(ms).getTimezoneOffset()).toISOString().slice(0, 16);
}

/** The stored time that such a field means; empty if it is empty. */
export const stored = (value) => (value ? new Date(value).toISOString().replace(".000", "") : "");

/** Seconds from one stored time to another. */
export const between = (from, to) => (new Date(to) - new Date(from)) / 1000;
