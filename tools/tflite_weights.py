"""The weights in an 8-bit `.tflite` file, as float arrays under the names of the original graph.

    python tools/tflite_weights.py FILE.tflite OUT.npz

Kernels and biases of every convolution, exactly as integers times scale; `<layer>/kernel` is
(height, width, in, out), of depthwise layers (height, width, channels, 1). Nothing in the file is
run. `tools/embed.py` takes the result.
"""

import argparse
import re
from pathlib import Path

import numpy as np

KERNEL = r"(.+)/(weights|depthwise_weights|weights_quant|depthwise_weights_quant)\b.*"
BIAS = r"(.+)/(Conv2D|depthwise|Conv2D_Fold|depthwise_Fold|BatchNorm_Fold)_?bias.*"


def main() -> None:
    from ai_edge_litert.interpreter import Interpreter

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help=".tflite")
    parser.add_argument("output", type=Path, help=".npz")
    args = parser.parse_args()
    interpreter = Interpreter(args.file)
    interpreter.allocate_tensors()
    found: dict[str, np.ndarray] = {}
    for tensor in interpreter.get_tensor_details():
        scales = tensor["quantization_parameters"]["scales"]
        zeros = tensor["quantization_parameters"]["zero_points"]
        kernel, bias = (re.fullmatch(rule, tensor["name"]) for rule in (KERNEL, BIAS))
        if len(scales) != 1 or not (kernel or bias):
            continue
        values = interpreter.get_tensor(tensor["index"]).astype("int64") - zeros[0]
        array = values.astype("float32") * np.float32(scales[0])
        if kernel:  # (out, height, width, in); depthwise (1, height, width, channels)
            found[f"{kernel[1]}/kernel"] = array.transpose(1, 2, 3, 0)
        elif bias:
            found[f"{bias[1]}/bias"] = array
    np.savez(args.output, **found)
    print(f"{args.output}: {len(found)} arrays")


if __name__ == "__main__":
    main()
