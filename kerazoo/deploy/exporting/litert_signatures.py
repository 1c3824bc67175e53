"""Further signatures of a LiteRT file: the network, and then what is made of its outputs.

They are put together from two files that were converted each for itself: so the network may compute
in integers, and what follows in float, without the converter finding ranges for coordinates. The
weights are in the file once; both signatures read them.
"""

import copy
from collections.abc import Mapping
from typing import Any

from kerazoo.deploy.runtimes import RAW


def with_signatures(network: bytes, further: Mapping[str, bytes]) -> bytes:
    """A file with the signature `raw` of the network, and one for each of the others.

    Args:
        network: A file with one signature.
        further: Name -> a file with one signature, whose inputs are called as the network's
            outputs, in float32.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    model = _read(network)
    (raw,) = model.signatureDefs
    raw.signatureKey = RAW.encode()
    whole = model.subgraphs[raw.subgraphIndex]
    for name, content in further.items():
        model.signatureDefs.append(_appended(model, copy.deepcopy(whole), raw, _read(content)))
        model.signatureDefs[-1].signatureKey = name.encode()
        model.subgraphs[-1].name = name.encode()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _read(content: bytes) -> Any:
    from tensorflow.lite.tools import flatbuffer_utils

    return flatbuffer_utils.convert_bytearray_to_object(bytearray(content))


def _appended(model: Any, graph: Any, raw: Any, finish: Any) -> Any:
    """Adds `graph` to the model, continued by `finish`; the signature of it."""
    (tail,), (given,) = finish.subgraphs, finish.signatureDefs
    tensors, buffers = len(graph.tensors), len(model.buffers)
    outputs = {each.name: each.tensorIndex for each in raw.outputs}
    moved = {number: number + tensors for number in range(len(tail.tensors))} | {-1: -1}
    for tensor in tail.tensors:
        tensor.buffer = tensor.buffer + buffers if tensor.buffer else 0  # 0 is the empty one
        graph.tensors.append(tensor)
    for each in given.inputs:
        source = outputs[each.name]
        if graph.tensors[source].type == tail.tensors[each.tensorIndex].type:
            moved[each.tensorIndex] = source
        else:
            graph.operators.append(_dequantised(model, source, moved[each.tensorIndex]))
    codes = len(model.operatorCodes)
    for operator in tail.operators:
        operator.opcodeIndex += codes
        operator.inputs = [moved[int(number)] for number in operator.inputs]
        operator.outputs = [moved[int(number)] for number in operator.outputs]
        graph.operators.append(operator)
    model.operatorCodes += finish.operatorCodes
    model.buffers += finish.buffers
    for each in given.outputs:
        each.tensorIndex = moved[each.tensorIndex]
    graph.outputs = [each.tensorIndex for each in given.outputs]
    model.subgraphs.append(graph)
    given.inputs = copy.deepcopy(raw.inputs)
    given.subgraphIndex = len(model.subgraphs) - 1
    return given


def _dequantised(model: Any, source: int, target: int) -> Any:
    """An operator that makes float32 of an int8 tensor."""
    from tensorflow.lite.python import schema_py_generated as schema

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 2  # for int8
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = [source], [target]
    operator.builtinOptionsType = schema.BuiltinOptions.DequantizeOptions
    operator.builtinOptions = schema.DequantizeOptionsT()
    return operator
