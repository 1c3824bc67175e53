// Networks in LiteRT's WebAssembly: float32 in and out, whatever the file has.
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

let runtime = null;
const open = new Map();

export async function openNetwork(entry) {
  runtime ??= loadLiteRt("./vendor/wasm/").catch((error) => { runtime = null; throw error; });
  await runtime;
  if (!open.has(entry.file)) open.set(entry.file, loadAndCompile(`./networks/${entry.file}`, { accelerator: "wasm" }));
  try {
    return await open.get(entry.file);
  } catch (error) {
    open.delete(entry.file);
    throw error;
  }
}

function quantised(values, { scale, zero }) {
  const result = new Int8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const number = Math.fround(values[i] / Math.fround(scale)), whole = Math.round(number);
    const nearest = Math.abs(number - Math.trunc(number)) === 0.5 ? 2 * Math.round(number / 2) : whole;
    result[i] = Math.min(Math.max(nearest + zero, -128), 127);
  }
  return result;
}
function dequantised(values, { scale, zero }) {
  return Float32Array.from(values, (value) => Math.fround(value - zero) * Math.fround(scale));
}

// Outputs by name: `{values, shape}`.
export async function run(model, entry, input) {
  const shape = [1, ...entry.record.input_shape];
  const tensor = new Tensor(entry.input ? quantised(input, entry.input) : input, shape);
  const signature = model.signatures[entry.signature] ?? model;
  let found;
  try {
    found = await signature.run({ [signature.getInputDetails()[0].name]: tensor });
  } finally {
    tensor.delete();
  }
  const outputs = {};
  for (const [name, output] of Object.entries(found)) {
    const values = output.toTypedArray(), how = entry.outputs[name];
    outputs[name] = how.quantised ? dequantised(values, how.quantised) : values;
    output.delete();
  }
  return outputs;
}
