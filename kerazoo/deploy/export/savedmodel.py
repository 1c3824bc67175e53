"""SavedModel for TensorFlow Serving: pictures or their bytes in, names of classes out."""

from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo.deploy.export._format import Format, Job
from kerazoo.deploy.export.graph import save_module, scores_of
from kerazoo.deploy.export.record import ASSET


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
    *_, channels = job.record.input_shape
    shape = (None, *job.record.input_shape)
    module = tf.Module()
    module.tensors = _signature(
        lambda image: _answer(job, image), tf.TensorSpec(shape, tf.float32, name="image")
    )
    module.pictures = _signature(
        lambda pictures: _answer(job, _each(preprocessing.tf_image, pictures)),
        tf.TensorSpec((None, None, None, channels), tf.uint8, name="pictures"),
    )
    signatures = {"serving_default": module.tensors, "pictures": module.pictures}
    if channels in (1, 3):
        module.encoded = _signature(
            lambda encoded: _answer(
                job, _each(lambda data: preprocessing.tf_decode(data, channels), encoded)
            ),
            tf.TensorSpec((None,), tf.string, name="encoded"),
        )
        signatures["encoded"] = module.encoded
    version = folder / job.name
    save_module(module, signatures, version)
    asset = version / ASSET
    asset.parent.mkdir()
    asset.write_text(job.record.to_json(), "utf-8")


def _signature(function: Any, spec: Any) -> Any:
    import tensorflow as tf

    return tf.function(function, input_signature=[spec], autograph=False)


def _each(prepare: Any, pictures: Any) -> Any:
    """Picture by picture: encoded ones differ in size."""
    import tensorflow as tf

    return tf.map_fn(prepare, pictures, fn_output_signature=tf.float32)


def _answer(job: Job, image: Any) -> dict[str, Any]:
    import tensorflow as tf

    scores = scores_of(job.graph, image)
    answer = {}
    if job.record.outputs == "logits":
        answer["logits"] = scores
        scores = tf.nn.softmax(scores)
    names = tf.constant(job.record.labels)
    best = tf.math.top_k(scores, min(job.options["top"], len(job.record.labels)))
    return answer | {
        "probabilities": scores,
        "classes": best.indices,
        "scores": best.values,
        "names": tf.gather(names, best.indices),
    }


FORMAT = Format("savedmodel", "SavedModel", "", "tensorflow", _write)
