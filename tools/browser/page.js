import { look } from "./look.js";
import { TASKS } from "./tasks.js";

const $ = (id) => document.getElementById(id);
const { networks } = await (await fetch("./networks/networks.json")).json();
let blob = null, turn = 0;

for (const [number, each] of networks.entries()) {
  const text = `${each.record.task}, ${each.record.precision}, ${(each.bytes / 1e6).toFixed(1)} MB: ${each.name}`;
  $("network").append(new Option(text, number));
}

function tell(text, wrong = false) {
  $("state").textContent = text;
  $("state").classList.toggle("wrong", wrong);
}

async function show() {
  if (!blob) return;
  const mine = ++turn, entry = networks[$("network").value];
  tell("Looking …");
  try {
    const found = await look(entry, blob);
    if (mine !== turn) return; // another picture or network was chosen meanwhile
    $("result").replaceChildren(drawn(found, entry), bars(found.captions), times(found, entry));
    tell("");
  } catch (error) {
    if (mine !== turn) return;
    console.error(error);
    $("result").replaceChildren();
    tell(error.message, true);
  }
}
function drawn(found, entry) {
  const canvas = document.createElement("canvas"), { bitmap } = found.picture;
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", found.captions.map(([name]) => name).join(", ") || "nothing found");
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  TASKS[entry.record.task].draw(context, found, entry);
  return canvas;
}
function bars(captions) {
  const list = document.createElement("ul");
  list.className = "bars";
  for (const [name, share] of captions) {
    const [line, label, number, bar] = ["li", "span", "b", "i"].map((tag) => document.createElement(tag));
    label.textContent = name;
    number.textContent = `${(100 * share).toFixed(1)} %`;
    bar.style.width = `${100 * share}%`;
    line.append(label, number, bar);
    list.append(line);
  }
  if (!captions.length) list.append("Nothing was found.");
  return list;
}
function times(found, entry) {
  const line = document.createElement("p");
  line.className = "times";
  const stages = Object.entries(found.ms).map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`);
  line.textContent = [...stages, "LiteRT in WebAssembly", `file ${(entry.bytes / 1e6).toFixed(1)} MB`].join(" · ");
  return line;
}

function take(file) {
  if (!file) return;
  blob = file;
  show();
}
$("network").addEventListener("change", show);
$("file").addEventListener("change", () => take($("file").files[0]));
$("drop").addEventListener("click", () => $("file").click());
$("drop").addEventListener("keydown", (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), $("file").click()));
for (const name of ["dragover", "dragleave", "drop"])
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") take(event.dataTransfer.files[0]);
  });
document.addEventListener("paste", (event) => take([...event.clipboardData.files][0]));
$("choices").addEventListener("submit", (event) => event.preventDefault());
