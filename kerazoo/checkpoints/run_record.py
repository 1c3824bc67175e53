"""`run.json`, which a training run leaves beside its weights: where it is and how it is read.

Training writes it (`kerazoo.training.folder`); it says which network the weights are for.
"""

import json
import os
from pathlib import Path
from typing import Any

RUN = "run.json"


def read_run(folder: str | os.PathLike) -> dict[str, Any] | None:
    """The contents of a folder's `run.json`, or None where there is none.

    Raises:
        ValueError: It is not JSON.
    """
    path = Path(folder) / RUN
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"`{path}` is not readable JSON ({error}).") from error
