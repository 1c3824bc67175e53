"""How long a recipe will take on this machine, from a few of its steps."""

import os
import tempfile
import time
from collections.abc import Mapping
from typing import Any

from kerazoo.training.inputs import fit_batches
from kerazoo.training.recipe import Recipe
from kerazoo.training.reports import TIMED, minutes_of
from kerazoo.training.run import Run


def expected_minutes(
    recipe: Recipe,
    data_dir: str | os.PathLike | None = None,
    sources: Mapping[str, Any] | None = None,
) -> float:
    """Minutes of all training steps and of looking at the validation split after each epoch.

    Args:
        recipe: What would be done.
        data_dir, sources: As for `kerazoo.training.run.train`.

    Raises:
        ValueError: What `train` would refuse before its first step.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Run(recipe, folder, data_dir, sources=sources)
        run.open()
        run.load()
        run.build()
        run.compile()
    inputs, model = run.inputs, run.model
    batches = iter(fit_batches(recipe, inputs, model=model).batches)
    model.train_on_batch(*next(batches))
    began = time.monotonic()
    for _ in range(TIMED):
        model.train_on_batch(*next(batches))
    return minutes_of(recipe, inputs, (time.monotonic() - began) / TIMED)
