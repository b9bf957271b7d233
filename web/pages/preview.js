// A job's placeholder as a picture: its colours, before a rendition has come. Owns the decoding of a ThumbHash
// (https://evanw.github.io/thumbhash/). Knows no job.

const SIDE = 32;
const KEPT = 200;

const drawn = new Map(); // by hash

/** The address of a small picture, as a data: URI; null if there is none. */
export function preview(placeholder) {
  if (placeholder?.lqip) return placeholder.lqip;
  const hash = placeholder?.thumbhash;
  if (!hash) return null;
  if (!drawn.has(hash)) drawn.set(hash, draw(Uint8Array.from(atob(hash), (char) => char.charCodeAt(0))));
  if (drawn.size > KEPT) drawn.delete(drawn.keys().next().value);
  return drawn.get(hash) ?? null;
}

function draw(hash) {
  const { width, height, rgba } = pixels(hash);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas.toDataURL();
}

/** The picture in a ThumbHash, at most 32 pixels a side. */
export function pixels(hash) {
  const head = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const more = hash[3] | (hash[4] << 8);
  const alpha = head >> 23;
  const wide = more >> 15;
  const most = alpha ? 5 : 7;
  const across = wide ? most : more & 7;
  const down = wide ? more & 7 : most;
  const waves = reader(hash, alpha ? 6 : 5);
  const luma = waves(Math.max(3, across), Math.max(3, down), (head & 63) / 63, ((head >> 18) & 31) / 31);
  const yellow = waves(3, 3, ((head >> 6) & 63) / 31.5 - 1, (((more >> 3) & 63) / 63) * 1.25);
  const red = waves(3, 3, ((head >> 12) & 63) / 31.5 - 1, (((more >> 9) & 63) / 63) * 1.25);
  const clear = alpha ? waves(5, 5, (hash[5] & 15) / 15, (hash[5] >> 4) / 15) : () => 1;
  const ratio = across / down;
  const width = Math.round(ratio > 1 ? SIDE : SIDE * ratio);
  const height = Math.round(ratio > 1 ? SIDE / ratio : SIDE);
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const [l, p, q, a] = [luma, yellow, red, clear].map((channel) => channel((x + 0.5) / width, (y + 0.5) / height));
      const b = l - (2 / 3) * p;
      const r = (3 * l - b + q) / 2;
      [r, r - q, b, a].forEach((value, channel) => (rgba[at + channel] = Math.trunc(255 * Math.min(1, Math.max(0, value)))));
    }
  }
  return { width, height, rgba };
}

/** Reads one channel after the other: each is a function of a place, both from 0 to 1. */
function reader(hash, start) {
  let read = 0;
  const next = () => ((hash[start + (read >> 1)] >> ((read++ & 1) << 2)) & 15) / 7.5 - 1;
  return (across, down, mean, scale) => {
    const parts = [];
    for (let y = 0; y < down; y++) {
      for (let x = y ? 0 : 1; x * down < across * (down - y); x++) parts.push([x, y, next() * scale]);
    }
    return (px, py) => parts.reduce((sum, [x, y, size]) => sum + size * Math.cos(Math.PI * x * px) * Math.cos(Math.PI * y * py) * 2, mean);
  };
}
