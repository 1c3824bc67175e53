"""Files of the Hugging Face Hub: huggingface_hub's cache, quick when offline, always verified.

The Hub names a large file by its sha256 (its ETag, and the name of the cached blob) and a small one
by its git hash. Content is compared with that name each time it is used, so neither a damaged
download nor a damaged cache is ever loaded.
"""

import errno
import logging
import math
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo.checkpoints.fetch._network import (
    ANSWER,
    CONNECT,
    DEADLINE,
    DownloadError,
    first_line,
    patience,
    status_words,
    storage_words,
    sweep,
    within,
)
from kerazoo.checkpoints.fetch.integrity import Digest, first_mismatch

logger = logging.getLogger("kerazoo")


@dataclass(frozen=True)
class _HubFile:
    repo: str
    filename: str
    revision: str | None
    sha256: str | None
    token: str | bool | None

    def __str__(self) -> str:
        at = f" at revision `{self.revision}`" if self.revision else ""
        return f"`{self.filename}` of `{self.repo}`{at}"

    @property
    def immutable(self) -> bool:
        """Whether the cached file is the one that the Hub would send, without asking it."""
        commit = re.fullmatch("[0-9a-f]{40}", self.revision or "")
        return bool(commit) or self.sha256 is not None


def fetch_hub(
    repo: str,
    filename: str,
    *,
    revision: str | None = None,
    sha256: str | None = None,
    token: str | bool | None = None,
) -> Path:
    """A verified local copy of one file of a model repository.

    `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`, `HF_TOKEN` and the other variables
    of huggingface_hub apply. With a full commit, or a sha256 that the cached file has, the network
    is not used at all; otherwise an unreachable Hub is given up in seconds and the cached file
    serves, if there is one.

    Args:
        repo: `"user/name"`.
        filename: Path inside the repository.
        revision: Branch, tag or full commit; None for the main branch.
        sha256: Digest that the file must have, whatever the Hub says.
        token: Access token, None for the stored one, False for none.

    Raises:
        DownloadError: Not reachable and not cached, no such repository, revision or file, or the
            content does not match its digest, even when fetched again.
    """
    from huggingface_hub import constants

    file = _HubFile(repo, filename, revision, sha256, token)
    cached = cached_file(repo, filename, revision)
    if cached is not None and (file.immutable or constants.HF_HUB_OFFLINE):
        if (fault := _fault(cached, file)) is None:
            return cached
        logger.warning("The cached %s is not used: %s.", file, fault)
    if constants.HF_HUB_OFFLINE:
        raise DownloadError(
            f"{file} is not in the cache {constants.HF_HUB_CACHE} and HF_HUB_OFFLINE is set: unset "
            "it to download, or give a local file as `weights=`."
        )
    try:
        return _download(file, _ask(file))
    except _UnavailableError as error:
        if cached is not None and cached.exists() and _fault(cached, file) is None:
            logger.warning("%s; using the cached %s.", error, file)
            return cached
        raise DownloadError(
            f"{error}, and it is not in the cache {constants.HF_HUB_CACHE}: connect once, or give "
            "a local file as `weights=`."
        ) from error


def cached_file(repo: str, filename: str, revision: str | None) -> Path | None:
    """The file in the cache; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repo, filename, revision=revision)
    return Path(found) if isinstance(found, str) else None


class _UnavailableError(Exception):
    """The Hub gives no file now; one from the cache serves as well."""


@dataclass(frozen=True)
class _Promise:
    """What the Hub says of a file before it sends it."""

    digest: Digest
    size: int | None


def _ask(file: _HubFile) -> _Promise:
    """Asks once; hf_hub_download would try for 23 s, and more than a minute where nobody answers.

    Raises:
        _UnavailableError: Nobody answers, or nobody who can.
        DownloadError: The answer is final, or cannot be what a Hub says.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    url = hf_hub_url(file.repo, file.filename, revision=file.revision)
    timeout: Any = (CONNECT, ANSWER, ANSWER, ANSWER)
    try:
        facts = within(
            DEADLINE, lambda: get_hf_file_metadata(url, token=file.token, timeout=timeout)
        )
    except HfHubHTTPError as error:
        raise _refusal(file, error) from error
    except Exception as error:  # the HTTP library's own classes, which change between versions
        reason = first_line(error)
        raise _UnavailableError(
            f"Cannot reach {constants.ENDPOINT} for {file} ({reason})"
        ) from error
    digest = _named_digest(facts.etag or "")
    if digest is None or not re.fullmatch("[0-9a-f]{40}", facts.commit_hash or ""):
        # Both become names of files in the cache: `../` would lead out of it.
        raise DownloadError(
            f"{constants.ENDPOINT} names {file} by {facts.etag!r:.100} of commit "
            f"{facts.commit_hash!r:.100}: these are no digests, so that nothing can be checked. "
            "Nothing was fetched."
        )
    return _Promise(digest, facts.size)


def _refusal(file: _HubFile, error: Any) -> Exception:
    """What an HTTP error means; `_UnavailableError` for faults of the server and "too many"."""
    from huggingface_hub import constants, errors

    status = error.response.status_code
    if status >= 500 or status in (408, 429):
        return _UnavailableError(
            f"{constants.ENDPOINT} does not give {file} (HTTP {status}: {status_words(status)})"
        )
    kinds = {
        errors.GatedRepoError: "its owner must grant access first, on its page",
        errors.RepositoryNotFoundError: "no such repository, or a private one without `token=`",
        errors.RevisionNotFoundError: "no such revision",
        errors.EntryNotFoundError: "no such file in it",
    }
    reason = next((text for kind, text in kinds.items() if isinstance(error, kind)), None)
    return DownloadError(
        f"The Hub refused {file} (HTTP {status}): {reason or status_words(status)}."
    )


def _bar_that_counts(size: int | None) -> Any:
    """A progress bar that breaks a download off where more arrives than was promised."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        arrived = 0

        def update(self, n: float | None = 1) -> bool | None:
            self.arrived += n or 0
            if size is not None and self.arrived > size:
                raise DownloadError(f"more arrives than the {size:,} bytes that were promised")
            return super().update(n)

    return Bar


def _download(file: _HubFile, promise: _Promise) -> Path:
    from huggingface_hub import constants

    fault = None
    for _ in range(2):
        path, fault = _get(file, promise)
        if path is not None:
            fault = _fault(path, file, promise.digest)
            if fault is None:
                sweep(path.resolve().parent, "*.incomplete")
                return path
            if path.exists():
                raise DownloadError(f"The Hub now offers another version of {file}: {fault}.")
        logger.warning("The download of %s is damaged (%s).", file, fault)
    raise DownloadError(
        f"{file} from {constants.ENDPOINT} was fetched twice and is damaged each time ({fault}). "
        "It was removed; try again later, or give a local file as `weights=`."
    )


def _get(file: _HubFile, promise: _Promise) -> tuple[Path | None, str]:
    """The path of what was fetched, or None and what is wrong with it.

    Raises:
        _UnavailableError: It takes too long, or the Hub has a fault.
        DownloadError: It cannot be kept, or the Hub refuses.
    """
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    cache = constants.HF_HUB_CACHE
    if promise.size is not None and promise.size > _free(cache):
        full = OSError(errno.ENOSPC, "")
        raise DownloadError(f"Cannot store {file}: {storage_words(full, cache, 'HF_HOME')}.")
    bar = _bar_that_counts(promise.size)
    try:
        path = within(
            patience(promise.size),
            lambda: hf_hub_download(
                file.repo, file.filename, revision=file.revision, token=file.token, tqdm_class=bar
            ),
        )
    except DownloadError as error:
        raise DownloadError(
            f"The download of {file} was broken off: {error}. Nothing was kept."
        ) from error
    except TimeoutError as error:
        reason = f"not there after {patience(promise.size):.0f} s"
        raise _UnavailableError(
            f"{constants.ENDPOINT} is too slow for {file} ({reason})"
        ) from error
    except HfHubHTTPError as error:
        raise _refusal(file, error) from error
    except LocalEntryNotFoundError as error:
        reason = first_line(error.__cause__ or error)
        raise _UnavailableError(f"Cannot download {file} ({reason})") from error
    except OSError as error:
        if error.errno is not None:  # the disk is full, the cache is read-only, ...
            reason = storage_words(error, cache, "HF_HOME")
            raise DownloadError(f"Cannot store {file}: {reason}.") from error
        return None, first_line(error)  # its length is not the promised one; nothing was kept
    except Exception as error:  # transport errors; huggingface_hub has retried and resumed
        raise DownloadError(
            f"The download of {file} from {constants.ENDPOINT} broke off: {first_line(error)}. "
            "Nothing was kept; try again."
        ) from error
    return Path(path), ""


def _free(folder: str) -> float:
    """Bytes that the disk of a folder, which need not exist yet, has left."""
    existing = next(p for p in (Path(folder), *Path(folder).absolute().parents) if p.exists())
    try:
        return shutil.disk_usage(existing).free
    except OSError:
        return math.inf


def _fault(path: Path, file: _HubFile, promised: Digest | None = None) -> str | None:
    """What is wrong with a cached file, None if nothing.

    A damaged file is removed. One that is intact but not the pinned version stays.

    Args:
        path: Where it is in the cache.
        file: What is wanted.
        promised: What the Hub has just said of it.
    """
    blob = path.resolve()
    pin = Digest("sha256", file.sha256) if file.sha256 else None
    name = _named_digest(blob.name)
    if name is None and path.is_symlink():
        path.unlink(missing_ok=True)
        return f"it is called {blob.name[:100]!r}, which is no digest"
    name = name or promised
    try:
        wrong = first_mismatch(blob, [d for d in (name, pin) if d])
        if wrong is None:
            return None
        text = f"{wrong} is expected, found {wrong.of(blob)}"
    except FileNotFoundError:  # another process found the damage first
        return "it was removed meanwhile"
    if wrong is name or name is None:
        path.unlink(missing_ok=True)
        blob.unlink(missing_ok=True)
    return text


def cached_digests(path: Path) -> list[Digest]:
    """The digest that the name of a file in the cache says; none where links are copies."""
    return [digest for digest in [_named_digest(path.resolve().name)] if digest]


def _named_digest(blob: str) -> Digest | None:
    """The digest that the Hub names a blob by; None where links are copies (some Windows)."""
    kind = {64: "sha256", 40: "git_blob_sha1"}.get(len(blob))
    return Digest(kind, blob) if kind and re.fullmatch("[0-9a-f]+", blob) else None
