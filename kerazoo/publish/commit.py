"""Sending files to the Hugging Face Hub."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerazoo import __version__
from kerazoo._errors import invalid
from kerazoo.checkpoints.fetch._network import first_line


def check_repo(repo_id: Any) -> None:
    """Raises `ValueError` where this is not `"user/name"`."""
    if not isinstance(repo_id, str) or not re.fullmatch(r"[\w.-]+/[\w.-]+", repo_id):
        raise invalid("repo_id", repo_id, '"user/name"')


def commit_files(
    repo_id: str,
    files: Mapping[str, bytes | Path],
    message: str,
    *,
    private: bool = False,
    token: str | bool | None = None,
) -> str:
    """Adds files, by name (contents, or where they are), to a repository in one commit.

    Returns:
        Address of the repository, which is made where it does not exist.

    Raises:
        huggingface_hub.errors.HfHubHTTPError: The Hub refused it.
        ConnectionError: The Hub cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(token=token, library_name="kerazoo", library_version=__version__)
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    try:
        url = api.create_repo(repo_id, private=private, exist_ok=True)
        api.create_commit(repo_id, operations, commit_message=message)
    except (HfHubHTTPError, ValueError):
        raise
    except Exception as error:  # the HTTP library's own classes, which change between versions
        reason = f"Cannot publish {repo_id} on {constants.ENDPOINT}: {first_line(error)}"
        raise ConnectionError(reason) from error
    return str(url)
