"""Where files of weights come from: the Hub, plain addresses, and the installed package.

Every source gives a local file that has been compared with the digest its publisher states, or a
`DownloadError` that says in one line what could not be reached and how to go on.
"""

from importlib import resources
from pathlib import Path

from kerazoo.checkpoints.fetch._network import DownloadError
from kerazoo.checkpoints.fetch.hub import cached_digests, cached_file, fetch_hub
from kerazoo.checkpoints.fetch.integrity import Digest, first_mismatch
from kerazoo.checkpoints.fetch.url import cached_path, fetch_url
from kerazoo.checkpoints.records import Checkpoint

__all__ = [
    "DownloadError",
    "fetch",
    "fetch_hub",
    "fetch_package",
    "fetch_url",
    "fetched_digests",
    "is_fetched",
]


def fetch(checkpoint: Checkpoint) -> Path:
    """The verified local file of a registered checkpoint, downloaded if it is not cached.

    Raises:
        DownloadError: See `fetch_hub`, `fetch_url` and `fetch_package`.
    """
    if checkpoint.source == "hub":
        pins = [d.value for d in checkpoint.integrity if d.kind == "sha256"]
        return fetch_hub(
            checkpoint.location,
            checkpoint.filename,
            revision=checkpoint.revision,
            sha256=pins[0] if pins else None,
        )
    if checkpoint.source == "url":
        return fetch_url(checkpoint.location, checkpoint.filename, checkpoint.integrity)
    return fetch_package(checkpoint.location, checkpoint.integrity)


def is_fetched(checkpoint: Checkpoint) -> bool:
    """Whether the file of a registered checkpoint lies on this machine; its content is not read."""
    if checkpoint.source == "hub":
        return (
            cached_file(checkpoint.location, checkpoint.filename, checkpoint.revision) is not None
        )
    if checkpoint.source == "url":
        return cached_path(checkpoint.filename).is_file()
    return True  # part of the package


def fetched_digests(checkpoint: Checkpoint, path: Path) -> list[Digest]:
    """What the content of a file that `fetch` gave must have when it is opened again."""
    found = [*checkpoint.integrity]
    return found + cached_digests(path) if checkpoint.source == "hub" else found


def fetch_package(location: str, digests: tuple[Digest, ...] = ()) -> Path:
    """A file that ships inside kerazoo.

    Args:
        location: Path relative to the installed package.
        digests: What the file must match.

    Raises:
        DownloadError: The file is missing or damaged: the installation is broken.
    """
    path = Path(str(resources.files("kerazoo").joinpath(location)))
    if not path.is_file():
        raise DownloadError(f"`{location}` is missing from the installed package: reinstall it.")
    wrong = first_mismatch(path, digests)
    if wrong is not None:
        raise DownloadError(
            f"`{path}` is damaged ({wrong} is expected, found {wrong.of(path)}): reinstall kerazoo."
        )
    return path
