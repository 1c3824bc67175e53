"use strict";
const { tasks, points } = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const COSTS = [
  { key: "macs", title: "multiply-adds (millions)", of: (p) => p.macs && p.macs / 1e6 },
  { key: "params", title: "parameters (millions)", of: (p) => p.params / 1e6 },
  ...[...new Set(points.flatMap((p) => Object.keys(p.latency)))].sort().map((runtime) => ({
    key: "latency:" + runtime,
    title: `measured time of one picture, ${runtime} (ms)`,
    of: (p) => p.latency[runtime],
  })),
];
let chosen = null, family = null;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
function drawn(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
function fill(select, choices) {
  const before = select.value;
  select.replaceChildren(...choices.map(([value, text]) => element("option", { value }, text)));
  if (choices.some(([value]) => value === before)) select.value = before;
}
const unique = (values) => [...new Set(values)];
const cost = () => COSTS.find((each) => each.key === $("cost").value);
const label = () => tasks.find((each) => each.name === $("task").value).label;
const ofTask = () => points.filter((p) => p.task === $("task").value);
const ofSet = () => ofTask().filter((p) => p.dataset === $("dataset").value);
const shown = () => ofSet().filter((p) => cost().of(p));
const sides = ([height, width]) => (height === width ? `${height} px` : `${height} x ${width} px`);
const round = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const same = (p) => String(p.size) === String(p.counted_at);

function colour(name) {
  const families = unique(ofSet().map((p) => p.family)).sort();
  return `hsl(${(families.indexOf(name) * 360) / families.length + 5} 62% ${families.indexOf(name) % 2 ? 38 : 52}%)`;
}
function frontier(list) {
  let best = -Infinity;
  return [...list].sort((a, b) => cost().of(a) - cost().of(b) || b.figure - a.figure)
    .filter((p) => p.figure > best && ((best = p.figure), true));
}
function ticks(low, high) { // of a logarithmic axis: 1, 2, 5 in every decade, or fewer
  const found = [];
  const steps = Math.log10(high / low) > 2.2 ? [1] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const step of steps) {
      const value = step * 10 ** power;
      if (value >= low && value <= high) found.push(value);
    }
  return found;
}

function draw() {
  const list = shown(), plot = $("plot");
  const width = Math.max(plot.clientWidth, 260), height = Math.min(560, Math.max(340, width * 0.62));
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group",
    "aria-label": `${label()} against ${cost().title}` });
  plot.replaceChildren(svg);
  if (!list.length) {
    svg.append(drawn("text", { x: 20, y: 40, class: "axis" }, "Nothing is known of these."));
    return;
  }
  const costs = list.map((p) => cost().of(p)), figures = list.map((p) => p.figure);
  const [left, right, top, bottom] = [46, 18, 14, 46];
  const low = Math.min(...costs) * 0.8, high = Math.max(...costs) * 1.3;
  const least = Math.floor(Math.min(...figures) - 1), most = Math.ceil(Math.max(...figures) + 1);
  const x = (v) => left + (Math.log(v / low) / Math.log(high / low)) * (width - left - right);
  const y = (v) => height - bottom - ((v - least) / (most - least)) * (height - top - bottom);
  for (const value of ticks(low, high)) {
    svg.append(drawn("line", { class: "grid", x1: x(value), x2: x(value), y1: top, y2: height - bottom }));
    svg.append(drawn("text", { class: "tick", x: x(value), y: height - bottom + 17, "text-anchor": "middle" }, value));
  }
  const step = [1, 2, 5, 10].find((each) => (most - least) / each <= 9) || 20;
  for (let value = Math.ceil(least / step) * step; value <= most; value += step) {
    svg.append(drawn("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
    svg.append(drawn("text", { class: "tick", x: left - 7, y: y(value) + 4, "text-anchor": "end" }, value));
  }
  svg.append(drawn("text", { class: "axis", x: (left + width) / 2, y: height - 8, "text-anchor": "middle" }, cost().title));
  svg.append(drawn("text", { class: "axis", x: -(height - bottom) / 2, y: 13, transform: "rotate(-90)",
    "text-anchor": "middle" }, `${label()} (%)`));
  const best = frontier(list);
  svg.append(drawn("polyline", { class: "frontier", points: best.map((p) => `${x(cost().of(p))},${y(p.figure)}`).join(" ") }));
  const circles = [...list].sort((a, b) => cost().of(a) - cost().of(b)).map((p) => circle(p, x(cost().of(p)), y(p.figure)));
  svg.append(...circles);
  names(svg, best, x, y, width - right);
}

function circle(p, cx, cy) {
  const text = $("search").value.trim().toLowerCase();
  const out = (text && !p.model.includes(text)) || (family && p.family !== family);
  const made = drawn("circle", { cx, cy, r: 6.5, fill: colour(p.family), tabindex: chosen === p ? 0 : -1, role: "button",
    "data-model": p.model, class: ["point", same(p) ? "" : "near", p === chosen ? "chosen" : "", out ? "out" : ""].join(" "),
    "aria-label": `${p.model}, ${label()} ${p.figure} %, ${round(cost().of(p))} ${cost().title}` });
  if (!same(p)) made.setAttribute("stroke", colour(p.family));
  made.append(drawn("title", {}, `${p.model}\n${label()} ${p.figure} %`));
  made.addEventListener("click", () => choose(p));
  made.addEventListener("keydown", (event) => move(event, p));
  return made;
}
function names(svg, best, x, y, limit) { // of the frontier, where there is room
  let last = -Infinity;
  for (const p of best) {
    const cx = x(cost().of(p)), size = p.model.length * 6;
    if (cx - size - 9 < 46 || cx - size - 9 < last) continue;
    svg.append(drawn("text", { class: "name", x: Math.min(cx - 9, limit), y: y(p.figure) - 7, "text-anchor": "end" }, p.model));
    last = cx - 9;
  }
}
function move(event, p) {
  const order = [...shown()].sort((a, b) => cost().of(a) - cost().of(b));
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
  if (!(event.key in steps)) {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(p); }
    return;
  }
  event.preventDefault();
  choose(order[(order.indexOf(p) + steps[event.key] + order.length) % order.length]);
  document.querySelector(".point.chosen").focus();
}

function choose(p) {
  const hadFocus = document.activeElement?.classList?.contains("point");
  chosen = p;
  draw();
  card(p);
  if (hadFocus) document.querySelector(".point.chosen").focus();
}
function card(p) {
  const facts = [
    ["task", p.task], ["family", p.family],
    [label(), `${p.figure} % on ${p.dataset} at ${sides(p.size)}`],
    ["parameters", `${round(p.params / 1e6)} million`],
    ["multiply-adds", p.macs ? `${round(p.macs / 1e6)} million${same(p) ? "" : " at " + sides(p.counted_at)}` : "not counted at this size"],
    ...Object.entries(p.latency).map(([runtime, ms]) => [runtime, `${round(ms)} ms`]),
    ["weights", p.weights], ["licence", p.licence], ["figure from", p.source],
  ];
  const list = element("dl");
  for (const [name, value] of facts) list.append(element("dt", {}, name), element("dd", {}, value));
  const name = p.weights;
  const code = `kerazoo predict ${name} cat.jpg\nkerazoo finetune ${name} --data pets/ --output runs/pets`;
  const parts = [element("h2", {}, p.model), list, element("pre", {}, code)];
  if (p.others.length) {
    const rows = p.others.map((o) => element("li", {}, `${o.id}: ${o.dataset}, ${sides(o.size)}${o.figure ? `, ${o.figure} %` : ""}`));
    parts.push(element("details", {}, element("summary", {}, `${p.others.length} other weights`), element("ul", {}, ...rows)));
  }
  $("card").replaceChildren(...parts);
}

function families() {
  $("families").replaceChildren(...unique(ofSet().map((p) => p.family)).sort().map((name) => {
    const dot = element("i", { style: `background:${colour(name)}` });
    const button = element("button", { type: "button", "aria-pressed": String(name === family) }, dot, name);
    button.addEventListener("click", () => { family = family === name ? null : name; families(); draw(); });
    return element("li", {}, button);
  }));
}
function changed() {
  const sets = unique(ofTask().map((p) => p.dataset));
  sets.sort((a, b) => ofTask().filter((p) => p.dataset === b).length - ofTask().filter((p) => p.dataset === a).length);
  fill($("dataset"), sets.map((name) => [name, name]));
  fill($("cost"), COSTS.filter((each) => ofSet().some(each.of)).map((each) => [each.key, each.title]));
  $("models").replaceChildren(...ofSet().map((p) => element("option", { value: p.model })));
  if (!shown().includes(chosen)) chosen = frontier(shown()).at(-1) ?? null;
  family = null;
  families();
  draw();
  if (chosen) card(chosen); else $("card").replaceChildren();
}

fill($("task"), tasks.filter((t) => points.some((p) => p.task === t.name)).map((t) => [t.name, t.name]));
for (const id of ["task", "dataset", "cost"]) $(id).addEventListener("change", changed);
$("choices").addEventListener("submit", (event) => event.preventDefault());
$("search").addEventListener("input", () => {
  const found = shown().find((p) => p.model === $("search").value.trim());
  if (found) choose(found); else draw();
});
new ResizeObserver(() => draw()).observe($("plot"));
changed();
