"""SavedModel for TensorFlow Serving: pictures or their bytes in, what was found in them out."""

from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo.deploy.exporting._format import Format, Job, quiet
from kerazoo.deploy.exporting.graph import INPUT, outputs_of, save_module
from kerazoo.deploy.exporting.record import ASSET
from kerazoo.deploy.runtimes import RAW
from kerazoo.tasks import task_of


def _write(job: Job, folder: Path) -> None:
    import tensorflow as tf

    preprocessing = job.record.preprocessing
    if preprocessing is None:
        raise invalid(
            "preprocessing",
            None,
            f"given for a SavedModel, which reads pictures: model {job.record.model!r} does not "
            "carry its own",
        )
    graph = job.graph  # made here: inside a signature that is being traced it cannot be frozen
    *_, channels = job.record.input_shape
    images = tf.TensorSpec(graph.inputs[0].shape, tf.float32, name=INPUT)

    def prepared(prepare: Any) -> Any:
        # Picture by picture: encoded ones differ in size.
        return lambda given: _answer(
            job, graph, tf.map_fn(prepare, given, fn_output_signature=tf.float32)
        )

    module = tf.Module()
    module.serving_default = tf.function(
        lambda image: _answer(job, graph, image),
        input_signature=[images],
        autograph=False,
    )
    module.raw = tf.function(
        lambda image: outputs_of(graph, image, tuple(job.record.outputs)),
        input_signature=[images],
        autograph=False,
    )
    module.pictures = tf.function(
        prepared(preprocessing.tf_image),
        input_signature=[tf.TensorSpec((None, None, None, channels), tf.uint8, name="pictures")],
        autograph=False,
    )
    signatures = {
        "serving_default": module.serving_default,
        RAW: module.raw,
        "pictures": module.pictures,
    }
    if channels in (1, 3):  # what a decoder gives

        def decode(data: Any) -> Any:
            return preprocessing.tf_decode(data, channels)

        module.encoded = tf.function(
            prepared(decode),
            input_signature=[tf.TensorSpec((None,), tf.string, name="encoded")],
            autograph=False,
        )
        signatures["encoded"] = module.encoded
    version = folder / job.name
    with quiet("absl", "tensorflow"):
        save_module(module, signatures, version)
    asset = version / ASSET
    asset.parent.mkdir()
    asset.write_text(job.record.to_json(), "utf-8")


def _answer(job: Job, graph: Any, image: Any) -> dict[str, Any]:
    outputs = outputs_of(graph, image, tuple(job.record.outputs))
    return task_of(job.record).answer(outputs, job.record, **job.how)


FORMAT = Format("savedmodel", "SavedModel", "", "tensorflow", _write)
