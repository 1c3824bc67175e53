"""Models from `.keras` files."""

import os
from pathlib import Path
from typing import Any


def load_stored(path: str | os.PathLike) -> Any:
    """The model in a `.keras` file, kerazoo's own layers included; it is not compiled.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be loaded; the message says why in a line.
    """
    import keras

    # Keras finds the classes that the file names once they are imported.
    import kerazoo.layers
    import kerazoo.models  # noqa: F401

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file `{path}`.")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        # Keras quotes the whole configuration of the model, a hundred lines of it.
        reason = str(error).partition("Exception encountered: ")[2] or str(error)
        reason = reason.partition("Full object config")[0].strip().partition("\n")[0]
        raise ValueError(f"Cannot load `{path}`: {reason[:300]}") from error
