// From a file to what a network takes: kerazoo.preprocessing.Preprocessing, for the records of exported
// networks. Names are those of the Python there.
import { resize } from "./resize.js";

export const MOST_PIXELS = 2 ** 26;

// Bytes in RGB, upright, transparency on white.
export async function decode(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error("This file is not a picture that the browser can read.");
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) throw new Error(`This picture has too many pixels: ${width} x ${height}.`);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8ClampedArray(width * height * 3);
  for (let i = 0, j = 0; i < rgba.length; i += 4, j += 3) {
    data[j] = rgba[i];
    data[j + 1] = rgba[i + 1];
    data[j + 2] = rgba[i + 2];
  }
  return { data, width, height, bitmap };
}

const down = (a, b) => Math.floor(a / b);
function even(a, b) { // round(a / b), ties to even
  const whole = Math.floor(a / b), rest = 2 * (a - whole * b);
  return whole + (rest > b || (rest === b && whole % 2 !== 0) ? 1 : 0);
}

function geometry(record, height, width) {
  const [sizeH, sizeW] = record.size, floor = record.rounding === "floor";
  const roundEven = (v) => even(v * 2 ** 20, 2 ** 20);
  const cover = record.size.map((side) => floor ? Math.floor(side / record.crop_fraction + 1e-6) : roundEven(side / record.crop_fraction));
  let window = [0, 0, height, width];
  if (record.fit === "crop") { // a strip is cut to its centre
    const longest = 16 * Math.max(Math.ceil(sizeH / sizeW), Math.ceil(sizeW / sizeH));
    const newH = Math.min(height, longest * width), newW = Math.min(width, longest * height);
    window = [down(height - newH, 2), down(width - newW, 2), newH, newW];
  }
  const [h, w] = window.slice(2), [side, corner] = floor ? [down, even] : [even, down];
  let [scaledH, scaledW] = cover;
  if (record.fit !== "stretch") {
    const forHeight = cover[0] * w, forWidth = cover[1] * h;
    const byHeight = record.fit === "crop" ? forHeight >= forWidth : forHeight <= forWidth;
    scaledH = byHeight ? cover[0] : side(forWidth, w);
    scaledW = byHeight ? side(forHeight, h) : cover[1];
  }
  scaledH = Math.max(scaledH, 1);
  scaledW = Math.max(scaledW, 1);
  return { scaledH, scaledW, top: corner(scaledH - sizeH, 2), left: corner(scaledW - sizeW, 2), window };
}

function cut({ data, width }, [top, left, height, newWidth]) {
  const result = new Uint8ClampedArray(height * newWidth * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * width + left) * 3;
    result.set(data.subarray(start, start + newWidth * 3), y * newWidth * 3);
  }
  return { data: result, width: newWidth, height };
}

// The network's input, float32, and where the picture's pixels went: x * scale + offset.
export function prepare(picture, record) {
  const { height, width } = picture, [sizeH, sizeW] = record.size;
  const { scaledH, scaledW, top, left, window } = geometry(record, height, width);
  const whole = window[2] === height && window[3] === width;
  const scaled = resize(whole ? picture : cut(picture, window), scaledW, scaledH, record.interpolation, record.antialias);
  const scale = record.std.map((std) => Math.fround(1 / (255 * std)));
  const offset = record.mean.map((mean, c) => Math.fround(-mean / record.std[c]));
  const border = (record.fill ?? record.mean).map((v) => even(255 * v * 2 ** 20, 2 ** 20));
  const input = new Float32Array(sizeH * sizeW * 3);
  for (let y = 0, i = 0; y < sizeH; y++)
    for (let x = 0; x < sizeW; x++)
      for (let c = 0; c < 3; c++, i++) {
        const [sy, sx] = [y + top, x + left];
        const inside = sy >= 0 && sy < scaledH && sx >= 0 && sx < scaledW;
        const value = inside ? scaled.data[(sy * scaledW + sx) * 3 + c] : border[c];
        input[i] = Math.fround(value * scale[c]) + offset[c];
      }
  const scales = [scaledW / window[3], scaledH / window[2]];
  const offsets = [-window[1] * scales[0] - left, -window[0] * scales[1] - top];
  return { input, placement: { scale: scales, offset: offsets, picture: [height, width], size: record.size } };
}
