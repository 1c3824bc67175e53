"""LiteRT (TensorFlow Lite), in four precisions."""

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from kerazoo.deploy.exporting._format import Format, Job, quiet
from kerazoo.deploy.exporting.calibration import without_outliers
from kerazoo.deploy.exporting.graph import cannot_lower, saved_finish, saved_graph
from kerazoo.deploy.exporting.litert_signatures import with_signatures
from kerazoo.deploy.exporting.record import ExportRecord
from kerazoo.tasks import task_of


def _write(job: Job, folder: Path) -> None:
    import tensorflow as tf

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
    content = converted(job.graph, names, job.layers, prepare)
    if further := task_of(job.record).signatures(job.record, **job.how):
        content = with_signatures(
            content, {name: _finish(job, finish) for name, finish in further.items()}
        )
    (folder / job.name).write_bytes(with_facts(content, job.record))


def _finish(job: Job, finish: Callable[[dict], dict]) -> bytes:
    """A file of what a function makes of the outputs of one picture, in float."""
    import tensorflow as tf

    with quiet("absl"), saved_finish(finish, job.graph, tuple(job.record.outputs)) as source:
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
) -> bytes:
    """A LiteRT file.

    Args:
        graph: Of `frozen_graph`.
        outputs: Names of its outputs.
        layers: Names of the network's layers, for complaints.
        prepare: Is given the converter, to set it up.
    """
    import tensorflow as tf

    with quiet("absl"), saved_graph(graph, outputs) as source:
        converter = tf.lite.TFLiteConverter.from_saved_model(source)
        prepare(converter)
        try:
            return converter.convert()
        except Exception as error:  # ConverterError is private
            raise cannot_lower(graph, layers, "LiteRT", str(error)) from error


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
    runtime="litert",
)
