"""Files at plain addresses, kept in Keras' cache folder, and only when they are whole.

`keras.utils.get_file` writes straight to its final name, so that a killed process leaves half a
file there that the next one takes for the whole; it says of a refusal and of a full disk that the
content is damaged, and it waits for a server that sends a byte now and then for as long as that
likes. Here the content arrives under a name of its own in the same folder, which becomes the real
one when it has been verified.
"""

import base64
import contextlib
import http.client
import json
import logging
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo._files import write_text
from kerazoo.checkpoints.fetch._network import (
    ANSWER,
    DEADLINE,
    DownloadError,
    first_line,
    patience,
    status_words,
    storage_words,
    sweep,
    within,
)
from kerazoo.checkpoints.fetch.integrity import Digest, file_digest, first_mismatch

logger = logging.getLogger("kerazoo")

_FOLDER = "kerazoo"
_PIECE = 1 << 20
_STALL = 30  # seconds without a byte after which a download counts as broken


@dataclass(frozen=True)
class _Facts:
    """What the server says about a file before sending it."""

    size: int | None = None
    md5: str | None = None

    def fault(self, path: Path) -> str | None:
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"{self.size} bytes are expected, found {size}"
        if self.md5 is not None and (found := file_digest(path, "md5")) != self.md5:
            return f"the server says md5 {self.md5}, found {found}"
        return None


def fetch_url(url: str, filename: str, digests: Sequence[Digest] = ()) -> Path:
    """A verified local copy of the file at `url`, under Keras' cache folder (`KERAS_HOME`).

    Where the publisher gives no digest, the size and md5 that the server itself states are
    checked, and the sha256 is remembered beside the file, so that a later change of the cache is
    noticed. A cached file is used without the network.

    Args:
        url: Whole address.
        filename: Name in the cache, without folders.
        digests: What the file must match.

    Raises:
        DownloadError: Not reachable and not cached, refused by the server, or the content does not
            match, even when fetched again. Nothing of it is kept.
    """
    if not filename or Path(filename).name != filename:
        raise invalid("filename", filename, "a file name without folders")
    path = cached_path(filename)
    _room(path)
    if path.exists():
        fault = _cached_fault(path, url, digests)
        if fault is None:
            return path
        logger.warning("The cached %s is fetched again: %s.", path, fault)
        path.unlink(missing_ok=True)
    fault = None
    for _ in range(2):
        facts = _ask(url, path.parent)
        with _part(path) as part:
            fault = _get(url, part, facts.size) or _fault(part, digests, facts)
            if fault is None:
                try:
                    _remember(path, url, file_digest(part))
                    os.replace(part, path)
                except OSError as error:
                    reason = storage_words(error, path.parent, "KERAS_HOME")
                    raise DownloadError(f"Cannot store {url}: {reason}.") from error
                return path
        logger.warning("The download of %s is damaged (%s).", url, fault)
    raise DownloadError(
        f"{url} was fetched twice and is damaged each time ({fault}). Nothing was kept; try again "
        "later, or give a local file as `weights=`."
    )


def cached_path(filename: str) -> Path:
    """Where a file lies in the cache, or would."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    return Path(home) / _FOLDER / filename


def _room(path: Path) -> None:
    """Makes the folder of the cache."""
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"Cannot write to the cache {folder} ({first_line(error)}): set KERAS_HOME to a folder "
            "that can be written."
        ) from error


def _sidecar(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _remember(path: Path, url: str, sha256: str) -> None:
    """Written before the file itself appears: a file without this note is never ours."""
    write_text(_sidecar(path), json.dumps({"url": url, "sha256": sha256}), shared=True)


def _cached_fault(path: Path, url: str, digests: Sequence[Digest]) -> str | None:
    try:
        if digests:
            return _fault(path, digests, _Facts())
        note = json.loads(_sidecar(path).read_text("utf-8"))
        if note["url"] != url:
            return f"it came from {note['url']}"
        return _fault(path, [Digest("sha256", note["sha256"])], _Facts())
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return f"its note is not readable ({first_line(error)})"


def _fault(path: Path, digests: Sequence[Digest], facts: _Facts) -> str | None:
    wrong = first_mismatch(path, digests)
    if wrong is not None:
        return f"{wrong} is expected, found {wrong.of(path)}"
    return facts.fault(path)


def _ask(url: str, folder: Path) -> _Facts:
    """Size and md5 that the server states; fails fast where there is no connection."""
    request = urllib.request.Request(url, method="HEAD", headers={"Accept-Encoding": "identity"})
    try:
        with within(DEADLINE, lambda: urllib.request.urlopen(request, timeout=ANSWER)) as answer:
            length = answer.headers.get("Content-Length")
            hashes = ",".join(answer.headers.get_all("x-goog-hash") or ())
    except urllib.error.HTTPError as error:
        if error.code in (403, 405, 501):  # some servers answer GET alone
            return _Facts()
        raise _refusal(url, error.code) from error
    except (OSError, ValueError) as error:
        raise DownloadError(
            f"Cannot reach {url} ({first_line(error)}), and it is not in the cache {folder}: "
            "connect once, or give a local file as `weights=`."
        ) from error
    # Google Cloud Storage: "crc32c=...,md5=<base64>"
    items = (item.strip().partition("=") for item in hashes.split(",") if item)
    parts = {name: value for name, _, value in items}
    try:
        md5 = base64.b64decode(parts["md5"]).hex() if "md5" in parts else None
    except ValueError:
        md5 = None  # no digest; the size is checked all the same
    return _Facts(int(length) if length and length.isdecimal() else None, md5)


def _refusal(url: str, status: int) -> DownloadError:
    return DownloadError(f"The server refused {url} (HTTP {status}): {status_words(status)}.")


@contextlib.contextmanager
def _part(path: Path) -> Iterator[Path]:
    """A name for a download of ours alone; gone at the end, as are parts of dead processes."""
    sweep(path.parent, f".{path.name}.*.part")
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _get(url: str, part: Path, size: int | None) -> str | None:
    """Downloads with a progress bar; returns what went wrong, None if nothing.

    Raises:
        DownloadError: The server refuses or is too slow, or the disk is full: nothing that a
            second attempt would mend.
    """
    end = time.monotonic() + patience(size)
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity"})
    try:
        with _storing():  # before anything is sent: where it cannot be kept, nothing need be
            part.touch()
        with within(DEADLINE, lambda: urllib.request.urlopen(request, timeout=_STALL)) as answer:
            size = answer.length if size is None else size
            arrived = _copy(answer, part, size, end)
    except urllib.error.HTTPError as error:
        raise _refusal(url, error.code) from error
    except _StorageError as error:
        reason = storage_words(error.cause, part.parent, "KERAS_HOME")
        raise DownloadError(f"Cannot store {url}: {reason}.") from error
    except TimeoutError as error:
        reason = first_line(error)
        raise DownloadError(
            f"{url} is too slow ({reason}): try again later, or give a local file as `weights=`."
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        return first_line(error)
    return None if size in (None, arrived) else f"{size} bytes are expected, found {arrived}"


class _StorageError(Exception):
    """What was received cannot be kept."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _copy(answer: Any, part: Path, size: int | None, end: float) -> int:
    """From the server to the disk, no more than was promised and no longer than until `end`.

    Returns:
        How many bytes arrived.
    """
    from tqdm import tqdm

    arrived, shown = 0, sys.stderr.isatty()
    with tqdm(total=size, unit="B", unit_scale=True, disable=not shown, leave=False) as bar:
        while piece := answer.read1(_PIECE):
            arrived += len(piece)
            if size is not None and arrived > size:
                raise ValueError(f"more arrives than the {size:,} bytes that the server stated")
            if time.monotonic() > end:
                raise TimeoutError(f"{arrived:,} bytes in {patience(size):.0f} s")
            with _storing(), open(part, "ab") as file:
                file.write(piece)
            bar.update(len(piece))
    return arrived


@contextlib.contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _StorageError(error) from error
