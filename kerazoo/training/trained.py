"""The network that a run left."""

import os
from pathlib import Path

from kerazoo._checks import checked
from kerazoo.models import ZooModel
from kerazoo.open import open_model
from kerazoo.training import folder as names


@checked("output", "best")
def load_trained(output: str | os.PathLike, best: bool = False) -> ZooModel:
    """The network that a run left, ready for use, with class names and preprocessing.

    Args:
        output: Folder of the run.
        best: Of the epoch with the best validation, in place of the last.

    Raises:
        FileNotFoundError: There are no such weights, or no `run.json`, in the folder.
    """
    output = Path(output)
    path = output / (names.BEST if best else names.WEIGHTS)
    for file in (path, output / names.RUN):
        if not file.is_file():
            raise FileNotFoundError(
                f"There is no file `{file}`. Received: `output={str(output)!r}`"
            )
    return open_model(path)
