"""`run.json`, which a training run leaves beside its weights: where it is and how it is read.

Training writes it (`kerazoo.training.folder`); it says which network the weights are for.
"""

import os
from pathlib import Path
from typing import Any

from kerazoo._files import read_json

RUN = "run.json"


def read_run(folder: str | os.PathLike) -> dict[str, Any] | None:
    """The contents of a folder's `run.json`, or None where there is none.

    Raises:
        ValueError: It holds no JSON object.
    """
    path = Path(folder) / RUN
    return read_json(path) if path.is_file() else None
