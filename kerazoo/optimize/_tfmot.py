"""TF-MOT and the Keras 2 that it works on, beside Keras 3 in one process."""

import importlib
import os
from dataclasses import dataclass
from types import ModuleType

_SWITCH = "TF_USE_LEGACY_KERAS"
EXTRA = 'pip install "kerazoo[tfmot]"'


@dataclass(frozen=True)
class Legacy:
    """The packages of the extra.

    Attributes:
        keras: `tf_keras`, Keras 2 under a name of its own.
        tfmot: `tensorflow_model_optimization`.
    """

    keras: ModuleType
    tfmot: ModuleType


def legacy() -> Legacy:
    """Imports `tf_keras` and TF-MOT, and leaves `tf.keras` and the environment as they were.

    TF-MOT sets TF_USE_LEGACY_KERAS as it is imported, and asks `tf.keras` which Keras that is.
    `tf.keras` makes up its mind, for the whole process, when it is first used: were that inside of
    the import, everybody's `tf.keras` would be Keras 2 from then on. So it is used before, when
    the environment still says what the user wants; TF-MOT then sees Keras 3 and takes `tf_keras`.
    The variable is put back, since processes that are started later would inherit it.

    Raises:
        ImportError: The extra is not installed.
    """
    import tensorflow as tf

    before = os.environ.get(_SWITCH)
    _ = tf.keras.layers  # it chooses now
    try:
        return Legacy(
            importlib.import_module("tf_keras"),
            importlib.import_module("tensorflow_model_optimization"),
        )
    except ImportError as error:
        raise ImportError(
            "`kerazoo.optimize` needs the packages tensorflow-model-optimization and tf_keras "
            f"({error}): {EXTRA}"
        ) from error
    finally:
        if before is None:
            os.environ.pop(_SWITCH, None)
        else:
            os.environ[_SWITCH] = before
