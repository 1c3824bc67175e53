"""Where weights come from: what they started from, what that started from, and so on.

A run writes it into `run.json`, a network carries it in its `info`, `config.json` and the card of a
repository tell it. So whoever gets weights knows whose they were and under which licences, even if
several runs on several machines lie between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo._fields import Record, field
from kerazoo._rules import choice, optional, text
from kerazoo.checkpoints.fetch.integrity import Digest, file_digest
from kerazoo.checkpoints.records import Checkpoint, all_checkpoints

if TYPE_CHECKING:
    from kerazoo.checkpoints.weights import Weights

UNKNOWN = "unknown"  # the Hub's id of a licence that nobody stated
# Names that files of all runs have: with that of their folder they say something.
_USUAL = ("model.weights.h5", "best.weights.h5", "model.safetensors", "model.keras")


@dataclass(frozen=True)
class Origin(Record, keys="lineage key"):
    """Weights that others started from.

    Attributes:
        weights: Registered id, `hf://user/repo@commit`, or the name of the file without the folders
            of the machine.
        sha256: Of the file; None where it was not looked at.
        licence: Id of their licence: what they say themselves, else that of what they started
            from; `"unknown"` where nobody states it.
        dataset: What they had learned; None where nobody says it.
        part: `"network"`, or `"trunk"` where all but the head was taken.
    """

    weights: str = field(text())
    sha256: str | None = field(optional(text()), None)
    licence: str = field(text(), UNKNOWN)
    dataset: str | None = field(optional(text()), None)
    part: str = field(choice("network", "trunk"), "network")


def origins(
    weights: "Weights", sha256: str | None = None, part: str = "network"
) -> tuple[Origin, ...]:
    """These weights and all that they come from, nearest first.

    Args:
        weights: What a network or a run starts from.
        sha256: Of their file, where it is known. A copy of a registered file is then known by it.
        part: Which part of them is taken.
    """
    path = Path(weights.id)
    if sha256 and not weights.lineage and path.is_file() and (known := _copied(path, sha256)):
        return (Origin(known.id, sha256, known.licence, known.dataset, part),)
    name = _public(path) if path.is_file() else weights.id
    return Origin(name, sha256, weights.licence, weights.dataset, part), *weights.lineage


def public_origin(lineage: Sequence[Origin]) -> str | None:
    """The nearest weights that somebody else can find too; None where there are none."""
    ids = {checkpoint.id for checkpoint in all_checkpoints()}
    names = (each.weights for each in lineage)
    return next((name for name in names if name in ids or name.startswith("hf://")), None)


def stated_licence(info: Any) -> str | None:
    """Licence of a network's weights by its `info`; None where nobody states it."""
    lineage = getattr(info, "lineage", ())
    if lineage:
        return None if lineage[0].licence == UNKNOWN else lineage[0].licence
    checkpoint = getattr(info, "checkpoint", None)
    return next((c.licence for c in all_checkpoints() if c.id == checkpoint), None)


def _public(path: Path) -> str:
    return f"{path.resolve().parent.name}/{path.name}" if path.name in _USUAL else path.name


def _copied(path: Path, sha256: str) -> Checkpoint | None:
    """The registered checkpoint that a file is a copy of."""
    found = {"sha256": sha256, "sha256_prefix": sha256}

    def matches(digest: Digest) -> bool:
        if digest.kind not in found:
            found[digest.kind] = file_digest(path, digest.kind)
        return found[digest.kind].startswith(digest.value)

    known = (c for c in all_checkpoints() if c.integrity and all(map(matches, c.integrity)))
    return next(known, None)
