"""What a LiteRT file really computes in float."""

import re
from typing import Any

import numpy as np

PREFIX = "quant_"  # of layers that TF-MOT has wrapped
_BORDER = {"QUANTIZE", "DEQUANTIZE"}


def look_through(data: bytes) -> dict[str, Any]:
    """The operations of a file that was made of a quantisation-aware network.

    Returns:
        `operations`, their number; `float_layers`, layer -> its operations that give floats.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=plain)
    floats = {
        each["index"]: each["name"]
        for each in interpreter.get_tensor_details()
        if each["dtype"] is np.float32
    }
    operations = interpreter._get_ops_details()
    found: dict[str, list[str]] = {}
    for each in operations:
        names = [floats[i] for i in each["outputs"] if i in floats]
        if names and each["op_name"] not in _BORDER:
            layer = re.search(rf"/{PREFIX}([^/;]+)/", names[0])
            found.setdefault(layer[1] if layer else names[0], []).append(each["op_name"])
    return {"operations": len(operations), "float_layers": found}
