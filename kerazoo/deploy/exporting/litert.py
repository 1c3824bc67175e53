"""LiteRT (TensorFlow Lite), in four precisions."""

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from kerazoo.deploy.exporting._format import Format, Job, quiet
from kerazoo.deploy.exporting.float_layers import of_layers
from kerazoo.deploy.exporting.graph import cannot_lower, saved_finish, saved_graph
from kerazoo.deploy.exporting.litert_signatures import with_signatures
from kerazoo.deploy.exporting.record import ExportRecord
from kerazoo.tasks import task_of


def _write(job: Job, folder: Path) -> None:
    import tensorflow as tf

    from kerazoo.deploy.exporting.calibration import without_outliers

    def prepare(converter: Any) -> None:
        if job.record.precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if job.record.precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if job.record.precision == "int8":
            assert job.pictures is not None  # `export` gives some for int8
            pictures = without_outliers(job.model, job.pictures)
            converter.representative_dataset = lambda: ([picture] for picture in job.told(pictures))
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            in_int8(converter)

    names = tuple(job.record.outputs)
    content = converted(job.graph, names, job.layers, prepare, job.float_layers)
    if further := task_of(job.record).signatures(job.record, **job.how):
        content = with_signatures(
            content, {name: _finish(job, finish) for name, finish in further.items()}
        )
    (folder / job.name).write_bytes(with_facts(content, job.record))


def _finish(job: Job, finish: Callable[[dict], dict]) -> bytes:
    """A file of what a function makes of the outputs of one picture, in float."""
    import tensorflow as tf

    with (
        quiet("absl", "tensorflow"),
        saved_finish(finish, job.graph, tuple(job.record.outputs)) as source,
    ):
        return tf.lite.TFLiteConverter.from_saved_model(source).convert()


def with_facts(content: bytes, record: ExportRecord) -> bytes:
    """A LiteRT file with `labels.txt`, `kerazoo.json` and other facts packed at its end.

    That is where TensorFlow Lite keeps associated files: a ZIP archive behind the network, which
    `unzip -p FILE.tflite labels.txt` and Python's `zipfile` read.
    """
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, text in record.facts().items():
            file = f"{name}.json" if name == "kerazoo" else f"{name}.txt"
            archive.writestr(zipfile.ZipInfo(file), text.rstrip("\n") + "\n")
    return buffer.getvalue()


def converted(
    graph: Any,
    outputs: Sequence[str],
    layers: Iterable[str],
    prepare: Callable[[Any], None],
    float_layers: Sequence[str] = (),
) -> bytes:
    """A LiteRT file.

    Args:
        graph: Of `frozen_graph`.
        outputs: Names of its outputs.
        layers: Names of the network's layers, for complaints.
        prepare: Is given the converter, to set it up.
        float_layers: In int8: those that are left in float.
    """
    import tensorflow as tf

    with quiet("absl", "tensorflow"), saved_graph(graph, outputs) as source:
        converter = tf.lite.TFLiteConverter.from_saved_model(source)
        prepare(converter)
        try:
            return _mixed(converter, float_layers) if float_layers else converter.convert()
        except Exception as error:  # ConverterError is private
            raise cannot_lower(graph, layers, "LiteRT", str(error)) from error


def _mixed(converter: Any, layers: Sequence[str]) -> bytes:
    """A file in int8 but for these layers; it is calibrated as a whole."""
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize
    from tensorflow.lite.tools import flatbuffer_utils

    converter._experimental_calibrate_only = True
    calibrated = converter.convert()
    (graph,) = flatbuffer_utils.convert_bytearray_to_object(bytearray(calibrated)).subgraphs
    nodes = [graph.tensors[each.outputs[0]].name.decode() for each in graph.operators]
    return mlir_quantize(
        calibrated,
        fully_quantize=False,
        input_data_type=tf.int8,
        output_data_type=tf.int8,
        denylisted_nodes=of_layers(nodes, layers),
    )


def in_int8(converter: Any) -> None:
    """Integers, inputs and outputs too, as accelerators want them."""
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8


FORMAT = Format(
    *("litert", "LiteRT", ".tflite", "litert", _write),
    precisions=("float32", "float16", "dynamic", "int8"),
    any_size=False,
    int8_target="litert_int8",
    mixes=True,  # OpenVINO's converter forgets what layers are called
    runtime="litert",
)
