"""ONNX, by way of tf2onnx."""

from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._errors import invalid
from kerazoo._machine import is_installed
from kerazoo.deploy.exporting._format import Format, Job, quiet
from kerazoo.deploy.exporting.graph import INPUT, cannot_lower, frozen_graph
from kerazoo.tasks import task_of

OPSETS = range(13, 19)  # both ends are tried in tests/deploy/exporting/test_export.py


def _write(job: Job, folder: Path) -> None:
    import tf2onnx

    (graph, names), opset = _graph(job), job.opset
    nodes = {f"{name}:0": name for name in names}
    try:
        with quiet("tf2onnx", "tensorflow"):
            network, _ = tf2onnx.convert.from_graph_def(
                _without_scalars(graph.graph.as_graph_def()),
                job.record.model,
                [graph.inputs[0].name],
                list(nodes),
                opset=opset,
            )
    except Exception as error:  # of many kinds
        raise cannot_lower(graph, job.layers, "ONNX", str(error)) from error
    _name_split_sizes(network)
    _rename(network.graph, {graph.inputs[0].name: INPUT, **nodes})
    _check(network, job)
    for key, value in job.record.facts().items():
        network.metadata_props.add(key=key, value=value)
    network.producer_name = f"kerazoo {job.record.kerazoo}"
    content = network.SerializeToString()
    _try(content, job)
    (folder / job.name).write_bytes(content)


def _graph(job: Job) -> tuple[Any, list[str]]:
    """The network's with what its task makes of the outputs behind them, and names of all."""
    names = list(job.record.outputs)
    further = task_of(job.record).signatures(job.record, batch=True, **job.how).values()
    if not further:
        return job.graph, names
    made: dict[str, Any] = {}

    def finish(outputs: dict[str, Any]) -> dict[str, Any]:
        for each in further:
            made.update(each(outputs))
        return made

    return frozen_graph(job.model, names, finish), [*names, *made]


def _without_scalars(graph: Any) -> Any:
    """The same graph in which numbers that are added and the like are vectors of one.

    At a sum with a number, as in hard-swish, tf2onnx's optimizer raises, and leaves two transposes
    at every convolution of the network.
    """
    scalars = {
        node.name: node
        for node in graph.node
        if node.op == "Const" and not node.attr["value"].tensor.tensor_shape.dim
    }
    for node in graph.node:
        if node.op not in ("Add", "AddV2"):
            continue
        for name in node.input:
            if (scalar := scalars.get(name)) is not None:
                scalar.attr["value"].tensor.tensor_shape.dim.add(size=1)
                scalar.attr.pop("_output_shapes", None)
                del scalars[name]
    return graph


def _name_split_sizes(network: Any) -> None:
    """Gives every `Split` the sizes of its parts, which it may leave out where they are equal.

    ONNX Runtime takes two that divide one map into 4 and into 32 for the same operation, because
    they differ in nothing but the number of outputs, and computes with parts of the wrong size.
    """
    import onnx

    graph = onnx.shape_inference.infer_shapes(network).graph
    shapes = {
        value.name: [each.dim_value for each in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.input, *graph.output)
    }
    known: dict[tuple[int, ...], str] = {}
    for node in network.graph.node:
        sized = len(node.input) > 1 or any(each.name == "num_outputs" for each in node.attribute)
        if node.op_type != "Split" or sized:
            continue
        axis = next((each.i for each in node.attribute if each.name == "axis"), 0)
        parts = tuple(shapes.get(name, [])[axis:][:1] for name in node.output)
        if not all(part and part[0] for part in parts):  # not known: left as it was
            continue
        sizes = tuple(part[0] for part in parts)
        if sizes not in known:
            known[sizes] = f"split_sizes_{len(known)}"
            values = onnx.numpy_helper.from_array(np.array(sizes, np.int64), known[sizes])
            network.graph.initializer.append(values)
        node.input.append(known[sizes])


def _check(network: Any, job: Job) -> None:
    """tf2onnx passes operations that it does not know on as they are."""
    import onnx

    versions = {each.domain: each.version for each in network.opset_import}
    missing = {
        node.op_type
        for node in network.graph.node
        if not onnx.defs.has(node.op_type, versions.get(node.domain, 0), node.domain)
    }
    if missing:
        raise cannot_lower(job.graph, job.layers, "ONNX", "", missing)
    onnx.checker.check_model(network, full_check=True)


def _try(content: bytes, job: Job) -> None:
    """Runs the network once, where ONNX Runtime is there: the checker lets pass what it refuses."""
    shape = [1, *job.graph.inputs[0].shape[1:]]
    if None in shape or not is_installed("onnxruntime"):
        return
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it is raised as well
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
        session.run(None, {INPUT: np.zeros(shape, "float32")})
    except Exception as error:  # of a class for each kind
        text = " ".join(str(error).split())
        rule = f"one that ONNX Runtime can run once it is converted; it says: {text}"
        raise invalid("model", job.record.model, rule) from error


def _rename(graph: Any, names: dict[str, str]) -> None:
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]


FORMAT = Format(
    *("onnx", "ONNX", ".onnx", "onnx", _write),
    needs=(("tf2onnx", "onnx"), ("onnx", "onnx")),
    runtime="onnx",
)
