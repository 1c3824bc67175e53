"""Files of the Hugging Face Hub: huggingface_hub's cache, quick when offline, always verified.

The Hub names a large file by its sha256 (its ETag, and the name of the cached blob) and a small one
by its git hash. Content is compared with that name each time it is used, so neither a damaged
download nor a damaged cache is ever loaded.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kerazoo.checkpoints.fetch._network import (
    ANSWER,
    CONNECT,
    DEADLINE,
    DownloadError,
    first_line,
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
    cached = _cached(file)
    if cached is not None and (file.immutable or constants.HF_HUB_OFFLINE):
        if (fault := _fault(cached, file)) is None:
            return cached
        logger.warning("The cached %s is not used: %s.", file, fault)
    if constants.HF_HUB_OFFLINE:
        raise DownloadError(
            f"{file} is not in the cache {constants.HF_HUB_CACHE} and HF_HUB_OFFLINE is set: unset "
            "it to download, or give a local file as `weights=`."
        )
    reason = _unreachable(file)
    if reason is None:
        return _download(file)
    if cached is not None and _fault(cached, file) is None:
        logger.warning("%s cannot be reached; using the cached %s.", constants.ENDPOINT, file)
        return cached
    raise DownloadError(
        f"Cannot reach {constants.ENDPOINT} for {file} ({reason}), and it is not in the cache "
        f"{constants.HF_HUB_CACHE}: connect once, or give a local file as `weights=`."
    )


def _cached(file: _HubFile) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(file.repo, file.filename, revision=file.revision)
    return Path(found) if isinstance(found, str) else None


def _unreachable(file: _HubFile) -> str | None:
    """Why the Hub cannot be reached, None if it can. (hf_hub_download retries for 23 s.)"""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    url = hf_hub_url(file.repo, file.filename, revision=file.revision)
    timeout: Any = (CONNECT, ANSWER, ANSWER, ANSWER)
    try:
        within(DEADLINE, lambda: get_hf_file_metadata(url, token=file.token, timeout=timeout))
    except HfHubHTTPError as error:
        _refuse(file, error)
    except Exception as error:  # the HTTP library's own classes, which change between versions
        if type(error).__name__ == "ReadTimeout":
            return None  # connected, only slow: huggingface_hub is more patient
        return first_line(error)
    return None


def _refuse(file: _HubFile, error: Any) -> None:
    """Raises where the Hub's answer is final; a fault of the server (5xx) is not."""
    from huggingface_hub import errors

    status = error.response.status_code
    kinds = {
        errors.GatedRepoError: "its owner must grant access first, on its page",
        errors.RepositoryNotFoundError: "no such repository, or a private one without `token=`",
        errors.RevisionNotFoundError: "no such revision",
        errors.EntryNotFoundError: "no such file in it",
    }
    reason = next((text for kind, text in kinds.items() if isinstance(error, kind)), None)
    if reason is None and status < 500 and status not in (408, 429):
        reason = first_line(error)
    if reason is not None:
        raise DownloadError(f"The Hub refused {file} (HTTP {status}): {reason}.") from error


def _download(file: _HubFile) -> Path:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    fault = None
    for _ in range(2):
        try:
            path = Path(
                hf_hub_download(file.repo, file.filename, revision=file.revision, token=file.token)
            )
        except (HfHubHTTPError, LocalEntryNotFoundError) as error:
            raise DownloadError(f"Cannot download {file}: {first_line(error)}") from error
        except OSError as error:
            if error.errno is not None:  # the disk is full, the cache is read-only, ...
                raise DownloadError(f"Cannot store {file}: {first_line(error)}") from error
            fault = first_line(error)  # its length is not the promised one; nothing was kept
        except Exception as error:  # transport errors; huggingface_hub has retried and resumed
            raise DownloadError(
                f"The download of {file} from {constants.ENDPOINT} broke off: {first_line(error)}. "
                "Nothing was kept; try again."
            ) from error
        else:
            fault = _fault(path, file)
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


def _fault(path: Path, file: _HubFile) -> str | None:
    """What is wrong with a cached file, None if nothing.

    A damaged file is removed. One that is intact but not the pinned version stays.
    """
    blob = path.resolve()
    pin = Digest("sha256", file.sha256) if file.sha256 else None
    name = _named_digest(blob.name)
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


def _named_digest(blob: str) -> Digest | None:
    """The digest that the Hub names a blob by; None where links are copies (some Windows)."""
    kind = {64: "sha256", 40: "git_blob_sha1"}.get(len(blob))
    return Digest(kind, blob) if kind and re.fullmatch("[0-9a-f]+", blob) else None
