"""TensorFlow: `.keras` files and SavedModels."""

from pathlib import Path

import numpy as np

from kerazoo._errors import invalid
from kerazoo._machine import cores
from kerazoo.deploy.runtimes._call import RAW, OptionError, Outputs, Shape, by_name


class KerasRuntime:
    """A `.keras` file in a TensorFlow graph.

    Args:
        path: The file.
        threads: For one operation; by default as many as there are cores. TensorFlow has one
            setting for the process, which can only be made before its first operation.
        shape: Of every batch, `(batch, height, width, channels)`; by default batches of any count
            are taken.
    """

    def __init__(self, path: Path, threads: int | None = None, shape: Shape | None = None):
        import keras

        import kerazoo.layers
        import kerazoo.models  # noqa: F401 - they register the classes that the file names
        from kerazoo.inference import inference_function

        set_tensorflow_threads(threads)
        self.path = path
        model = keras.saving.load_model(path, compile=False)
        self._names = model.output_names
        self._run = inference_function(model, batch=shape[0] if shape else None)

    @by_name
    def __call__(self, array: np.ndarray) -> Outputs:
        """Outputs by name of float32 `(batch, height, width, channels)`.

        Where the model does not name them, they are called as the layers that make them.
        """
        found = self._run(array)
        if isinstance(found, dict):
            return found
        found = found if isinstance(found, list | tuple) else [found]
        return dict(zip(self._names, found, strict=True))


class SavedModelRuntime:
    """A SavedModel's signature `raw`, which `export` writes; of one of someone else's, the
    `serving_default`. `threads` as for `KerasRuntime`, `shape` is of no use.
    """

    def __init__(self, path: Path, threads: int | None = None, shape: Shape | None = None):
        import tensorflow as tf

        set_tensorflow_threads(threads)
        self.path = path
        self._model = tf.saved_model.load(str(path))  # kept: functions do not hold their module
        signatures = self._model.signatures
        self._run = signatures[RAW if RAW in signatures else "serving_default"]
        (self._input,) = self._run.structured_input_signature[1]
        self._tensor = tf.constant

    @by_name
    def __call__(self, array: np.ndarray) -> Outputs:
        """Outputs by name."""
        answer = self._run(**{self._input: self._tensor(array)})
        return {name: y.numpy() for name, y in answer.items()}


def set_tensorflow_threads(threads: int | None) -> None:
    """Limits TensorFlow to so many threads; None leaves it as it is.

    Raises:
        ValueError: It has started with another limit already.
    """
    import tensorflow as tf

    set_now = tf.config.threading.get_intra_op_parallelism_threads()
    if threads is None or (set_now or cores()) == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError as error:
        rule = f"{set_now or cores()}, or set before TensorFlow starts (it has)"
        raise OptionError(str(invalid("threads", threads, rule))) from error
