// What outputs mean, by task: `decode` gives captions (name and share of 1) and what is drawn;
// `draw` puts that on a canvas. The rules are those of kerazoo.tasks.

const SHOWN = 5;
const classes = (entry) => entry.record.labels;

const classification = {
  decode(entry, { scores }) {
    const shares = entry.record.outputs.scores === "logits" ? softmax(scores) : scores;
    const order = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, SHOWN);
    const least = entry.record.confidence?.thresholds?.[order[0]] ?? -1;
    return { captions: order.map((i, n) => [(n === 0 && shares[i] < least ? "not sure: " : "") + classes(entry)[i], shares[i]]) };
  },
  draw() {},
};

function softmax(logits) {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (v) => Math.exp(v - most)), sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((v) => v / sum);
}

const detection = {
  decode(entry, { codes, logits }, placement) {
    const { anchors, record } = entry, count = anchors.length / 4, width = logits.length / count;
    const { coder, suppression } = record.task_facts, names = classes(entry);
    const [height, across] = placement.picture, candidates = [];
    for (let a = 0; a < count; a++) {
      const scores = scoresOf(logits.subarray(a * width, (a + 1) * width), suppression.activation);
      for (let c = 0; c < names.length; c++) {
        const least = Math.max(record.confidence?.thresholds?.[c] ?? 0.5, suppression.threshold);
        if (Math.fround(scores[c]) >= Math.fround(least)) candidates.push({ anchor: a, class: c, score: scores[c] });
      }
    }
    for (const each of candidates) {
      const box = moved(boxOf(anchors, codes, each.anchor, coder), placement);
      each.box = suppression.clip ? clipped(box, across, height) : box;
    }
    candidates.sort((a, b) => b.score - a.score || a.class - b.class || a.anchor - b.anchor);
    const found = suppressed(candidates, suppression).map((each) => ({ ...each, name: names[each.class], box: clipped(each.box, across, height) }));
    const boxes = found.filter((each) => area(each.box) > 0).slice(0, 100);
    return { boxes, captions: counted(boxes) };
  },
  draw(context, { boxes }) {
    const { width, height } = context.canvas, line = Math.max(1, Math.round(Math.sqrt(width * height) / 200));
    const letters = Math.max(10, Math.round(Math.sqrt(width * height) / 36));
    context.font = `${letters}px system-ui, sans-serif`;
    context.textBaseline = "top";
    for (const { box: [x1, y1, x2, y2], name, score, class: number } of [...boxes].reverse()) {
      const colour = `hsl(${(209 + number * 222.49) % 360} 75% 40%)`, text = `${name} ${Math.round(100 * score)}`;
      context.strokeStyle = context.fillStyle = colour;
      context.lineWidth = line;
      context.strokeRect(x1, y1, x2 - x1, y2 - y1);
      const across = context.measureText(text).width + 4 * line, y = Math.max(y1 - letters - 3 * line, 0);
      context.fillRect(x1, y, across, letters + 3 * line);
      context.fillStyle = "#fff";
      context.fillText(text, x1 + 2 * line, y + line);
    }
  },
};

function scoresOf(logits, activation) { // without the background, output 0
  if (activation === "sigmoid") return Array.from(logits.subarray(1), (v) => 1 / (1 + Math.exp(-v)));
  return Array.from(softmax(logits)).slice(1);
}
function boxOf(anchors, codes, a, { scales, order, size_limit: limit }) {
  let code = codes.subarray(a * 4, a * 4 + 4);
  if (order === "yxhw") code = [code[1], code[0], code[3], code[2]];
  const [dx, dy, w, h] = [0, 1, 2, 3].map((i) => code[i] / scales[i]);
  const [x1, y1, x2, y2] = anchors.slice(a * 4, a * 4 + 4), [width, height] = [x2 - x1, y2 - y1];
  const most = limit ?? Infinity, [cx, cy] = [dx * width + x1 + width / 2, dy * height + y1 + height / 2];
  const [halfW, halfH] = [(Math.exp(Math.min(w, most)) * width) / 2, (Math.exp(Math.min(h, most)) * height) / 2];
  return [cx - halfW, cy - halfH, cx + halfW, cy + halfH];
}
const moved = (box, { scale, offset }) => box.map((v, i) => (v - offset[i % 2]) / scale[i % 2]);
const clipped = (box, width, height) => box.map((v, i) => Math.min(Math.max(v, 0), i % 2 ? height : width));
const area = ([x1, y1, x2, y2]) => Math.max(x2 - x1, 0) * Math.max(y2 - y1, 0);

function suppressed(candidates, rule) {
  const kept = [], entered = new Map(), given = new Map();
  const enters = candidates.filter((each) => {
    const number = (entered.get(each.class) ?? 0) + 1;
    entered.set(each.class, number);
    return rule.candidates === null || number <= rule.candidates;
  });
  for (const each of enters) {
    if (rule.total !== null && kept.length === rule.total) break;
    if (rule.per_class !== null && given.get(each.class) === rule.per_class) continue;
    if (kept.some((other) => other.class === each.class && overlaps(other.box, each.box, rule.iou))) continue;
    kept.push(each);
    given.set(each.class, (given.get(each.class) ?? 0) + 1);
  }
  return kept;
}
function overlaps(a, b, most) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]), height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const shared = Math.max(width, 0) * Math.max(height, 0);
  return shared > most * Math.max(area(a) + area(b) - shared, 1e-30);
}
function counted(boxes) { // "2 x person" with the best score, the surest first
  const best = new Map(), counts = new Map();
  for (const { name, score } of boxes) {
    if (!best.has(name)) best.set(name, score);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...best].slice(0, SHOWN).map(([name, score]) => [counts.get(name) > 1 ? `${counts.get(name)} x ${name}` : name, score]);
}

const UNSEEN = 255;
const segmentation = {
  decode(entry, { logits }, placement) {
    const names = classes(entry), [rows, columns] = entry.outputs.logits.shape.slice(1, 3);
    const mask = classMap(logits, rows, columns, names.length, placement), counts = new Array(256).fill(0);
    for (const each of mask) counts[each]++;
    const there = names.map((name, i) => [name, counts[i] / mask.length]).filter(([, share]) => share > 0);
    return { mask, captions: there.sort((a, b) => b[1] - a[1]) };
  },
  draw(context, { mask }, entry) {
    const { width, height } = context.canvas, picture = context.getImageData(0, 0, width, height), names = classes(entry);
    for (let i = 0; i < mask.length; i++) {
      if (mask[i] === UNSEEN || names[mask[i]] === "background") continue;
      const colour = vocColour(mask[i]);
      for (let c = 0; c < 3; c++) picture.data[4 * i + c] = 0.45 * picture.data[4 * i + c] + 0.55 * colour[c];
    }
    context.putImageData(picture, 0, 0);
  },
};

// The class with the highest interpolated score at the centre of each pixel of the picture.
function classMap(scores, rows, columns, count, placement) {
  const [height, width] = placement.picture, mask = new Uint8Array(height * width);
  const ys = axis(placement, 1, rows, height), xs = axis(placement, 0, columns, width);
  const best = new Uint8Array(rows * columns);
  for (let i = 0; i < best.length; i++)
    for (let c = 1, most = 0; c < count; c++) if (scores[i * count + c] > scores[i * count + most]) best[i] = most = c;
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at++) {
      if (!ys[y].seen || !xs[x].seen) { mask[at] = UNSEEN; continue; }
      const places = [ys[y].before, ys[y].after].flatMap((row) => [row * columns + xs[x].before, row * columns + xs[x].after]);
      const [a, b, c, d] = places;
      if (best[a] === best[b] && best[a] === best[c] && best[a] === best[d]) { mask[at] = best[a]; continue; }
      let most = -Infinity;
      for (let k = 0; k < count; k++) {
        const [p, q, r, s] = [scores[a * count + k], scores[b * count + k], scores[c * count + k], scores[d * count + k]];
        const up = p + (q - p) * xs[x].share, low = r + (s - r) * xs[x].share, value = up + (low - up) * ys[y].share;
        if (value > most) { most = value; mask[at] = k; }
      }
    }
  return mask;
}
function axis({ scale, offset, size }, which, cells, pixels) {
  const side = size[1 - which];
  return Array.from({ length: pixels }, (_, i) => {
    const there = (i + 0.5) * scale[which] + offset[which];
    const at = Math.min(Math.max(there * (cells / side) - 0.5, 0), cells - 1), before = Math.floor(at);
    return { before, after: Math.min(before + 1, cells - 1), share: Math.fround(at - before), seen: there >= 0 && there <= side };
  });
}
function vocColour(number) { // the bits of a number are dealt to red, green and blue in turn
  const colour = [0, 0, 0];
  for (let bit = 0; bit < 8; bit++) for (let c = 0; c < 3; c++) colour[c] |= ((number >> (3 * bit + c)) & 1) << (7 - bit);
  return colour;
}

export const TASKS = { classification, detection, segmentation };
