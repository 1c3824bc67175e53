// From a file to an answer, with the milliseconds of each stage.
import { openNetwork, run } from "./network.js";
import { decode, prepare } from "./prepare.js";
import { TASKS } from "./tasks.js";

export async function look(entry, blob) {
  const model = await openNetwork(entry);
  const marks = [performance.now()], mark = () => marks.push(performance.now());
  const picture = await decode(blob);
  const { input, placement } = prepare(picture, entry.record.preprocessing);
  mark();
  const outputs = await run(model, entry, input);
  mark();
  const answer = TASKS[entry.record.task].decode(entry, outputs, placement);
  mark();
  const names = ["decode", "network", "post-processing"];
  return { ...answer, picture, input, outputs, ms: Object.fromEntries(names.map((name, i) => [name, marks[i + 1] - marks[i]])) };
}
