"""OpenVINO's intermediate representation, in float or in int8 through NNCF."""

import contextlib
import errno
import io
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kerazoo.deploy.exporting._format import Format, Job
from kerazoo.deploy.exporting.graph import INPUT, cannot_lower

FACTS = "kerazoo"  # section of the file's `rt_info`
PRECISION = (
    "where the processor has bfloat16, OpenVINO computes in it: for the scores of the original, "
    'compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})'
)


def _write(job: Job, folder: Path) -> None:
    import openvino

    try:
        network = openvino.convert_model(job.graph.graph)
    except Exception as error:
        raise cannot_lower(job.graph, job.layers, "OpenVINO", str(error)) from error
    network.inputs[0].tensor.set_names({INPUT})
    for name, output in _outputs(network, job.record.outputs).items():
        output.tensor.set_names({name})
    _join_padding(network)
    if job.record.precision == "int8":
        network = _quantised(network, job)
    for key, value in {**job.record.facts(), "precision": PRECISION}.items():
        network.set_rt_info(value, [FACTS, key])
    try:
        openvino.save_model(network, folder / job.name, compress_to_fp16=False)
    except RuntimeError as error:  # the disk is full, ...
        raise OSError(errno.EIO, f"OpenVINO says {error}", job.name) from error


def _outputs(network: Any, names: Iterable[str]) -> dict[str, Any]:
    """The network's outputs by the names of the graph's nodes, whatever order they are in."""
    if len(network.outputs) == 1:
        return dict(zip(names, network.outputs, strict=True))
    by_node = {
        name.partition(":")[0]: output for output in network.outputs for name in output.get_names()
    }
    return {name: by_node[name] for name in names}


def _join_padding(network: Any) -> None:
    """Zeros that several convolutions share become each one's own padding.

    OpenVINO itself does that where only one takes them, and copies ESPNetv2's picture.
    """
    for pad in network.get_ordered_ops():
        sides = _zeros(pad)
        if sides is None:
            continue
        for user in pad.output(0).get_target_inputs():
            node = user.get_node()
            attributes = node.get_attributes()
            own = node.get_type_name() in ("Convolution", "GroupConvolution")
            if own and user.get_index() == 0 and attributes["auto_pad"] in ("valid", "explicit"):
                for name, more in zip(("pads_begin", "pads_end"), sides, strict=True):
                    both = zip(attributes[name], more, strict=True)  # "valid" has zeros here
                    node.set_attribute(name, [old + new for old, new in both])
                node.set_attribute("auto_pad", "explicit")
                user.replace_source_output(pad.input_value(0))
    network.validate_nodes_and_infer_types()


def _zeros(pad: Any) -> tuple[list[int], list[int]] | None:
    """Rows and columns of zeros before and behind each channel, if the node adds only those."""
    if pad.get_type_name() != "Pad" or pad.get_attributes()["pad_mode"] != "constant":
        return None
    begin, end, *value = (pad.input_value(i).get_node() for i in range(1, pad.get_input_size()))
    if any(node.get_type_name() != "Constant" for node in (begin, end, *value)):
        return None
    begin, end = begin.get_data().tolist(), end.get_data().tolist()
    plain = len(begin) == 4 and not any(begin[:2] + end[:2]) and min(begin + end) >= 0
    return (begin[2:], end[2:]) if plain and not any(v.get_data().any() for v in value) else None


def _quantised(network: Any, job: Job) -> Any:
    import nncf

    pictures = job.pictures
    assert pictures is not None  # `export` gives some for int8

    # NNCF averages the extremes of pictures, so outliers do no harm. The other preset, with ranges
    # as far below zero as above it, costs ESPNetv2 several points on CIFAR-10.
    data = nncf.Dataset(_Told(job, pictures))
    logging.getLogger("nncf").setLevel(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):  # it draws bars, of phases of its own
        return nncf.quantize(
            network,
            data,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(pictures),
            # Processors without VNNI add products of 8 bits in 16: 7-bit weights cannot overflow
            # there. The file may go to any machine. Only the first layer has them by default.
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                overflow_fix=nncf.OverflowFix.ENABLE
            ),
        )


class _Told:
    """Pictures that NNCF may go through as often as it likes."""

    def __init__(self, job: Job, pictures: Any) -> None:
        self._job, self._pictures = job, pictures

    def __iter__(self) -> Iterator[Any]:
        return self._job.told(self._pictures)

    def __len__(self) -> int:
        return len(self._pictures)


FORMAT = Format(
    *("openvino", "OpenVINO", ".xml", "openvino", _write),
    precisions=("float32", "int8"),
    needs=(("openvino", "openvino"),),
    int8_needs=(("nncf", "openvino"),),
    beside=(".bin",),
    runtime="openvino",
)
