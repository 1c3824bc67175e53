"""Publishing a folder that holds a checkpoint already: a run of `kerazoo finetune`, or our own.

Neither Keras nor TensorFlow is needed for it.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from kerazoo._errors import invalid
from kerazoo.checkpoints.hub_config import CARD, CONFIG, WEIGHTS, check_config
from kerazoo.checkpoints.lineage import UNKNOWN
from kerazoo.publish.commit import check_repo, commit_files
from kerazoo.publish.hub import check_licence
from kerazoo.publish.local_paths import published_text, without_folders
from kerazoo.tasks import TASKS, get_task

# What a repository of ours consists of, and what a run keeps for itself: the state to go on from,
# and the same weights in other formats.
NEEDED = (WEIGHTS, CONFIG, CARD)
KEPT_BACK = ("backup", "tensorboard", "*.keras", "*.h5", ".*")
COMMAND = "command.txt"


def push_folder(
    folder: str | os.PathLike,
    repo_id: str,
    *,
    private: bool = False,
    token: str | bool | None = None,
    licence: str | None = None,
    commit_message: str | None = None,
    pictures: bool = False,
) -> str:
    """Publish a folder with `model.safetensors`, `config.json` and `README.md`, in one commit.

    The arguments are those of `kerazoo.push_to_hub`, and `pictures`, whether figures that show
    photographs of the data (`mistakes.png`) are sent too; see `folder_files` for what is sent.

    Returns:
        Address of the repository.

    Raises:
        ValueError: An argument outside what is accepted, or a folder that is no checkpoint.
        huggingface_hub.errors.HfHubHTTPError: The Hub refused it.
    """
    check_repo(repo_id)
    files = folder_files(folder, repo_id, licence=licence, pictures=pictures)
    message = commit_message or f"Add {Path(folder).resolve().name}"
    return commit_files(repo_id, files, message, private=private, token=token)


def folder_files(
    folder: str | os.PathLike,
    repo_id: str,
    *,
    licence: str | None = None,
    pictures: bool = False,
) -> dict[str, bytes | Path]:
    """What `push_folder` commits: names in the repository, and contents or where they are.

    That is every file of the folder as it is, but for what only a run needs (`KEPT_BACK`) and,
    without `pictures`, figures that show photographs of the data, which may be nobody's business.
    Of absolute paths in records (`run.json`, `command.txt`, …) the file's name alone is sent. In
    the card, `hf://` addresses of the repository become those of `repo_id`, figures that are not
    sent are left out; `licence` replaces that of the card and of `config.json`.

    Raises:
        ValueError: A file is missing or broken, or the licence is not known.
    """
    folder = Path(folder)
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        rule = f"a folder that `kerazoo finetune` left; {', '.join(missing)} missing"
        raise invalid("folder", str(folder), rule)
    config = _config(folder)
    kept_back = KEPT_BACK if pictures else (*KEPT_BACK, *_photographs())
    files: dict[str, bytes | Path] = {
        path.relative_to(folder).as_posix(): _public(path)
        for path in sorted(_kept(folder, kept_back))
    }
    card = _addressed((folder / CARD).read_text("utf-8"), repo_id)
    card = _without_dead_figures(card, files)
    if licence is not None:
        config = {**without_folders(config), "licence": check_licence(licence)}
        files[CONFIG] = (json.dumps(config, indent=2) + "\n").encode()
        card = _licensed(card, licence)
    elif config.get("licence") in (None, UNKNOWN):
        rule = f"given: {folder / CONFIG} does not say under which licence the weights are"
        raise invalid("licence", None, rule)
    files[CARD] = card.encode()
    return files


def _photographs() -> list[str]:
    return [name for task in TASKS for name in get_task(task).photographs]


def _kept(folder: Path, patterns: Sequence[str]) -> list[Path]:
    def kept_back(path: Path) -> bool:
        parts = path.relative_to(folder).parts
        return any(fnmatchcase(part, pattern) for part in parts for pattern in patterns)

    return [path for path in folder.rglob("*") if path.is_file() and not kept_back(path)]


def _public(path: Path) -> bytes | Path:
    """The file, or what is sent in its place."""
    if path.suffix != ".json" and path.name != COMMAND:
        return path
    text = path.read_bytes().decode("utf-8", "replace")
    public = published_text(path.name, text)
    return path if public == text else public.encode()


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text("utf-8"))
        known = config["library"] == "kerazoo"
    except (ValueError, KeyError, TypeError, RecursionError):
        known = False
    if not known:
        raise invalid("folder", str(folder), f"one whose {CONFIG} kerazoo wrote")
    check_config(config, str(path))
    return config


def _addressed(card: str, repo_id: str) -> str:
    """A card whose examples name `repo_id`, in place of the repository that they name now."""
    found = re.search(r"hf://([\w.-]+/[\w.-]+)", card)
    return card.replace(f"hf://{found[1]}", f"hf://{repo_id}") if found else card


def _without_dead_figures(card: str, files: Mapping[str, Any]) -> str:
    """A card without the lines of figures that do not go with it."""

    def dead(line: str) -> bool:
        found = re.fullmatch(r"!\[[^\]]*\]\(([^)]+)\)\s*", line)
        return found is not None and "://" not in found[1] and found[1] not in files

    return "".join(line for line in card.splitlines(keepends=True) if not dead(line))


def _licensed(card: str, licence: str) -> str:
    """A card with another licence in its header and in its last words on it."""
    card = re.sub(r"^license: .*$", f"license: {licence}", card, count=1, flags=re.MULTILINE)
    return re.sub(r"(?<=^## Licence\n\n).*$", licence, card, count=1, flags=re.MULTILINE)
