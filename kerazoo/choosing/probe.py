"""How good networks are on pictures of one's own, cheaply: by a linear probe."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.choosing.candidates import Candidate
from kerazoo.tasks import get_task

if TYPE_CHECKING:
    from kerazoo.data.source import Source

PROBED = 3  # candidates that are tried, the most accurate ones as published


def probe(
    fitting: Iterable[Candidate],
    task: str,
    sources: Mapping[str, "Source"],
    tell: Callable[[str], None],
) -> tuple[dict[Candidate, float], dict[str, str]]:
    """Scores in percent, judged by held-out pictures, of the `PROBED` that promise most.

    Those whose weights cannot be fetched, say, are passed over: they are the second dict, with the
    reasons.
    """
    from kerazoo.training.finetuning.run import finetune

    figure = get_task(task).monitor
    scores: dict[Candidate, float] = {}
    failed: dict[str, str] = {}
    promising = sorted(fitting, key=lambda each: -each.figure)
    most = min(PROBED, len(promising))
    for candidate in promising:
        if len(scores) == PROBED:
            break
        weights = candidate.weights
        tell(f"a probe of {weights} ({len(scores) + 1} of {most})")
        try:
            with (
                tempfile.TemporaryDirectory(prefix="kerazoo-choose-") as folder,
                contextlib.redirect_stdout(sys.stderr),
            ):
                result = finetune(weights, sources, Path(folder) / "probe", unfreeze_epochs=0)
        except (ValueError, OSError) as error:
            failed[weights] = " ".join(str(error).split())[:200]
        else:
            scores[candidate] = figure.published(max(result["validation"].values()))
    return scores, failed


def open_sources(
    data: str | os.PathLike, data_dir: str | os.PathLike | None, task: str
) -> dict[str, "Source"]:
    """What candidates learn from and are judged by; the test split is not looked at."""
    from kerazoo.data.open import open_source
    from kerazoo.training.finetuning.splits import choose_splits

    record = choose_splits(data, data_dir=data_dir, task=task)
    options = {"fractions": record["fractions"]} if "fractions" in record else {}
    return {
        part: open_source(data, record[part], data_dir=data_dir, task=task, **options)
        for part in ("train", "validation")
    }
