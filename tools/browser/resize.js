// Scaling as Pillow does it, to the last bit: two passes in whole numbers of 22 bits (src/libImaging/
// Resample.c), and its sampling of points where a filter is not widened (Geometry.c).

const BITS = 22;
const FILTERS = {
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, (x) => {
    const a = -0.5, t = Math.abs(x);
    if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
  }],
  lanczos: [3, (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0)],
};
const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

// Where each pixel of the result looks, and with which weights.
function coefficients(from, to, [reach, weight]) {
  const scale = from / to, stretch = Math.max(scale, 1), support = reach * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const last = Math.min(Math.trunc(centre + support + 0.5), from);
    const weights = [];
    for (let x = first; x < last; x++) weights.push(weight((x - centre + 0.5) * (1 / stretch)));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((w) => {
      const share = (sum ? w / sum : w) * 2 ** BITS;
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    }) };
  });
}

// One pass: `lines` lines of `from` pixels become lines of `to`. A pixel is `step` bytes from the next
// of its line, and a line `stride` from the next.
function pass(source, result, places, lines, [step, stride], [newStep, newStride]) {
  for (let line = 0; line < lines; line++)
    for (let i = 0; i < places.length; i++) {
      const { first, weights } = places[i];
      for (let channel = 0; channel < 3; channel++) {
        let sum = 2 ** (BITS - 1), at = line * stride + first * step + channel;
        for (const each of weights) { sum += source[at] * each; at += step; }
        result[line * newStride + i * newStep + channel] = sum >> BITS; // clamped by its type
      }
    }
}

function filtered({ data, width, height }, newWidth, newHeight, filter) {
  if (newWidth !== width) {
    const result = new Uint8ClampedArray(newWidth * height * 3);
    pass(data, result, coefficients(width, newWidth, filter), height, [3, width * 3], [3, newWidth * 3]);
    data = result;
  }
  if (newHeight !== height) {
    const result = new Uint8ClampedArray(newWidth * newHeight * 3);
    pass(data, result, coefficients(height, newHeight, filter), newWidth, [newWidth * 3, 3], [newWidth * 3, 3]);
    data = result;
  }
  return { data, width: newWidth, height: newHeight };
}

// For each pixel of the result, the two that it lies between, as offsets, and the share of the second.
function between(from, to, stride, nearest) {
  const clip = (value) => Math.min(Math.max(value, 0), from - 1) * stride;
  return Array.from({ length: to }, (_, i) => {
    const at = (i + 0.5) * (from / to) - (nearest ? 0 : 0.5), first = Math.floor(at);
    return { first: clip(first), second: clip(first + 1), share: nearest ? 0 : at - first };
  });
}

function sampled({ data, width, height }, newWidth, newHeight, nearest) {
  const result = new Uint8ClampedArray(newWidth * newHeight * 3);
  const columns = between(width, newWidth, 3, nearest);
  let to = 0;
  for (const row of between(height, newHeight, width * 3, nearest))
    for (const column of columns)
      for (let c = 0; c < 3; c++) {
        const left = column.first + c, right = column.second + c;
        const a = data[row.first + left], b = data[row.second + left];
        const up = a + (data[row.first + right] - a) * column.share;
        const low = b + (data[row.second + right] - b) * column.share;
        result[to++] = Math.trunc(up + (low - up) * row.share);
      }
  return { data: result, width: newWidth, height: newHeight };
}

// `{data, width, height}` of bytes in RGB -> the same in another size.
export function resize(picture, width, height, interpolation, antialias) {
  if (interpolation === "nearest") return sampled(picture, width, height, true);
  if (!antialias) return sampled(picture, width, height, false);
  return filtered(picture, width, height, FILTERS[interpolation]);
}
