"""What a LiteRT file really computes in float."""

from collections import Counter
from typing import Any

import numpy as np

_BORDER = {"QUANTIZE", "DEQUANTIZE"}


def float_operations(data: bytes) -> dict[str, Any]:
    """`operations`, their number, and `float_operations`, name -> how many compute in float."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=data, experimental_op_resolver_type=plain)
    floats = {
        each["index"] for each in interpreter.get_tensor_details() if each["dtype"] is np.float32
    }
    operations = interpreter._get_ops_details()
    found = Counter(
        each["op_name"]
        for each in operations
        if each["op_name"] not in _BORDER and floats & set(each["outputs"])
    )
    return {"operations": len(operations), "float_operations": dict(found)}
