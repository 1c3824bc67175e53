"""From a Keras network to a file that another runtime opens."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from kerazoo._checks import check_choice, check_int, checked
from kerazoo._errors import invalid
from kerazoo._files import check_output, publish, staging
from kerazoo._keras_graph import layers_of
from kerazoo._machine import require
from kerazoo._rules import is_int
from kerazoo.deploy.exporting import onnx
from kerazoo.deploy.exporting._float32 import in_float32
from kerazoo.deploy.exporting._format import Format, Job
from kerazoo.deploy.exporting.calibration import representative_pictures, tell_few
from kerazoo.deploy.exporting.float_layers import chosen_layers
from kerazoo.deploy.exporting.formats import FORMATS
from kerazoo.deploy.exporting.record import SIDECAR, describe
from kerazoo.deploy.fusion import fuse
from kerazoo.deploy.fusion.forms import TARGETS
from kerazoo.preprocessing import Preprocessing
from kerazoo.tasks import task_of_model
from kerazoo.tasks.task import Task, check_options

_log = logging.getLogger("kerazoo")


@checked("path", "preprocessing", "labels", "fused", "force", "progress", "float_layers")
def export(
    model: keras.Model,
    path: str | os.PathLike,
    format: str,
    *,
    precision: str = "float32",
    fused: bool = True,
    target: str | None = None,
    representative: Any = None,
    float_layers: Sequence[str] = (),
    preprocessing: Preprocessing | None = None,
    labels: str | Sequence[str] | None = None,
    version: int = 1,
    opset: int = 17,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
    **how: Any,
) -> Path:
    """Writes a network in the format of another runtime, with a record of how to feed it.

    The network is fused first (`kerazoo.deploy.fuse`); one that computes in half precision, as
    trained under a mixed policy, computes in float32 in the file. Its record (labels,
    preprocessing, model, weights) is a JSON file beside it, `NAME.tflite.json`, and in a SavedModel
    the file `assets.extra/kerazoo.json`: `kerazoo.deploy.Runner` needs the path alone. The same
    facts are inside the other formats' files: in `.onnx` as metadata, in `.xml` as `rt_info`, at
    the end of `.tflite` as a ZIP archive.

    A network without a head of kerazoo's (`features_only`, `include_top=False`, heads of your own)
    is exported with its outputs as they are, by its own names.

    All formats take float32 `image` `(batch, height, width, channels)`, prepared as the record
    says, and give the outputs of the network's task by name: of classification `scores` `(batch,
    classes)`; the batch is free. LiteRT in int8 takes and gives int8 in its own scale. A SavedModel
    has four signatures:

    * `raw`: `image` and outputs as above.
    * `serving_default`: `image` as above.
    * `pictures`: uint8 `(batch, height, width, channels)` of any one size.
    * `encoded`: strings `(batch,)`, the bytes of JPEG or PNG files of any size, which are read as
      everywhere (upright, transparency on white); files of other kinds are refused by name.

    The last three give what the task makes of the outputs: of classification `probabilities`
    `(batch, classes)` and, best first, `classes` (indices), `scores` and `names` `(batch, top)`;
    `logits` too where the network has no softmax.

    Args:
        model: A functional model with one input of pictures, channels last.
        path: File with the format's suffix; for a SavedModel a folder, in which `version` is made.
        format: `"savedmodel"`, `"litert"` (`.tflite`), `"onnx"`, `"openvino"` (`.xml` and `.bin`)
            or `"keras"`.
        precision: `"float32"`; for LiteRT also `"float16"` (weights), `"dynamic"` (int8 weights)
            and `"int8"`; for OpenVINO also `"int8"`.
        fused: `False` exports the network as it was built.
        target: What the network is fused for, as `fuse` takes it; by default the format's runtime.
        representative: For int8: real pictures to find ranges with, at most 300 are used. A
            folder, files, uint8 pictures, float inputs, or a `kerazoo.data.source.Source`.
        float_layers: For LiteRT in int8: layers that stay in float all the same, where integers
            cost too much accuracy: beginnings of their names, such as `["stem", "stage1"]`.
        preprocessing: In place of the model's own.
        labels: Name of a label set, or the names; in place of the model's own.
        version: For a SavedModel: number of the folder; a server takes the highest.
        opset: For ONNX: version of the operations, 13 to 18.
        force: Overwrite what exists.
        progress: Called with (pictures done, pictures in all) while int8 is calibrated.
        **how: Options of the task, where the file makes answers of the outputs: a SavedModel, and
            of detection also LiteRT and ONNX. Of classification `top=5`, how many classes are
            named.

    Returns:
        The file, or the SavedModel's folder `path/version`.

    Raises:
        ValueError: An unknown format, precision or target; an output that exists or cannot be
            written; int8 without pictures; height and width left open where LiteRT needs them;
            layers that the format has no operations for, by name.
        ImportError: A converter is not installed; the extra that brings it is named.
        OSError: The disk is full, or refuses the files for a reason that shows only then. Nothing
            is left of them, and what they would have replaced is there.
    """
    kind = check_arguments(format, precision, target, fused, opset)
    task = task_of_model(model)
    check_options(task, how)
    check_int("version", version)
    if float_layers and not (precision == "int8" and kind.mixes):
        rule = f"left out for {kind.title} in {precision}; LiteRT in int8 takes them"
        raise invalid("float_layers", float_layers, rule)
    path = Path(path)
    outputs = _outputs(kind, path, version)
    check_output(path, outputs, force)
    _check_model(model, task, kind)
    kept = chosen_layers([layer.name for layer in layers_of(model)], float_layers)
    require(kind.needs, f"Exporting to {kind.title}")
    if precision == "int8":
        require(kind.int8_needs, f"Exporting to {kind.title} in int8")
    own = (precision == "int8" and kind.int8_target) or kind.target
    form = (target or own) if fused else None
    facts = {"format": format, "precision": precision, "target": form}
    record = describe(model, preprocessing, labels, **facts)
    pictures = None
    if precision == "int8":
        pictures = representative_pictures(representative, record.preprocessing, record.input_shape)
        tell_few(len(pictures))
        facts |= {"calibration": len(pictures), "float_layers": tuple(float_layers)}
        record = describe(model, preprocessing, labels, **facts)
    network = in_float32(model)
    if form:
        network = fuse(network, form)
    job = Job(network, outputs[-1].name, record, pictures, opset, how, progress, kept)
    with staging(path) as folder:
        kind.write(job, folder)
        if kind.suffix:
            (folder / f"{path.name}{SIDECAR}").write_text(record.to_json(), "utf-8")
        publish(folder, outputs)
    _log.info("exported %s to %s", model.name, outputs[-1])
    return outputs[-1]


def _outputs(kind: Format, path: Path, version: int) -> list[Path]:
    """Everything that is written; what one opens comes last."""
    if not kind.suffix:
        if path.is_file():
            raise invalid("path", str(path), "a folder for a SavedModel, not a file")
        return [path / str(version)]
    if path.suffix != kind.suffix:
        raise invalid("path", str(path), f"a file name in {kind.suffix} for {kind.title}")
    beside = [path.with_suffix(suffix) for suffix in kind.beside]
    return [*beside, path.with_name(path.name + SIDECAR), path]


def check_arguments(format, precision, target, fused, opset) -> Format:
    """What can be told to be wrong before there is a model; arguments as for `export`."""
    check_choice("format", format, FORMATS)
    kind = FORMATS[format]
    if precision not in kind.precisions:
        raise invalid("precision", precision, f"for {kind.title} one of {kind.precisions}")
    check_choice("target", target, TARGETS, optional=True)
    if target is not None and not fused:
        raise invalid("target", target, "None where fused=False")
    if not is_int(opset) or opset not in onnx.OPSETS:
        raise invalid("opset", opset, f"{onnx.OPSETS[0]} to {onnx.OPSETS[-1]}")
    return kind


def _check_model(model: Any, task: Task, kind: Format) -> None:
    if not isinstance(model, keras.Model):
        raise invalid("model", model, "a Keras model (`kerazoo.open` makes one of a name)")
    task.check(model)
    shape = tuple(model.inputs[0].shape)
    if keras.backend.backend() != "tensorflow" and kind.name != "keras":
        rule = f"on the TensorFlow backend for {kind.title} (KERAS_BACKEND=tensorflow)"
        raise invalid("model", keras.backend.backend(), rule)
    if keras.config.image_data_format() != "channels_last":
        raise invalid("model", "channels_first", "of channels last")
    open_sides = [side for side in shape[1:3] if side is None]
    if shape[3] is None or (open_sides and not kind.any_size):
        rule = (
            f"of a fixed size for {kind.title}: build it with input_shape=(height, width, "
            "channels), or with --size"
        )
        raise invalid("model", shape, rule)
