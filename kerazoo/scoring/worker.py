"""What opens a network, and scores one part after the other."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo.scoring.parts import Part
from kerazoo.scoring.reading import pictures_of
from kerazoo.scoring.writing import part_path, write_part


@dataclass(frozen=True)
class Done:
    """A part that was scored.

    Attributes:
        number: Of the part.
        pictures: How many it has.
        unreadable: How many of them could not be read.
        seconds: How long it took.
        process: Whose worker it was.
    """

    number: int
    pictures: int
    unreadable: int
    seconds: float = 0.0
    process: int = 0


class Worker:
    """A network that is opened once, where the work is done.

    Args:
        network: Arguments of `kerazoo.prediction.open_predictor`, `what` among them.
        how: Options of the task.
        exact: As for `kerazoo.predict`.
        folder: Where the files go.
        form: A key of `kerazoo.scoring.writing.FORMS`.
        column: Of Parquet files that are read.
        cpus: Cores to use; by default all.
    """

    def __init__(
        self,
        network: dict[str, Any],
        how: dict[str, Any],
        exact: bool,
        folder: str,
        form: str,
        column: str | None,
        cpus: int | None = None,
    ):
        if cpus:  # read when TensorFlow is imported, which has not happened in a new process
            os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(cpus))
            os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
        from kerazoo.prediction import open_predictor

        self.how, self.folder, self.form, self.column = how, Path(folder), form, column
        self.predictor = open_predictor(**network, threads=cpus)
        self.predictor.exact = exact

    def __call__(self, part: Part) -> Done:
        """Scores a part and leaves its file."""
        began = time.monotonic()
        task = self.predictor.task
        rows = [
            {
                "picture": name,
                "predictions": None if error else task.json(prediction),
                "error": None if error is None else _named(error, name),
            }
            for name, prediction, error in self.predictor.keyed(
                pictures_of(part, self.column), **self.how
            )
        ]
        write_part(part_path(self.folder, part.number, self.form), rows, task.fields)
        bad = sum(row["error"] is not None for row in rows)
        return Done(part.number, len(rows), bad, time.monotonic() - began, os.getpid())


def _named(error: Exception, name: str) -> str:
    """A complaint that names the picture, of which the bytes alone were known."""
    return str(error).replace("'<bytes>'", repr(name))
