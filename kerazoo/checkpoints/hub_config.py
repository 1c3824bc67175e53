"""A repository on the Hugging Face Hub, and a folder that is laid out like one.

It holds `model.safetensors` (our own variable names), `config.json` (what rebuilds the network and
feeds it) and `README.md`. `kerazoo.publish` writes them. Repositories in timm's format have a
`config.json` of another kind, which is read as well.
"""

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo._bounds import CONFIG_BYTES
from kerazoo._errors import invalid
from kerazoo._files import read_regular
from kerazoo.checkpoints.fetch.hub import fetch_hub
from kerazoo.checkpoints.read.tensors import read_tensors
from kerazoo.checkpoints.records import Checkpoint, all_checkpoints
from kerazoo.checkpoints.timm_config import describe_timm, is_timm
from kerazoo.checkpoints.weights import Weights, check_facts, described, registered

HUB = "hf://"
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
_ADDRESS = re.compile(r"hf://(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


def resolve_hub(address: str) -> Weights:
    """What `"hf://user/repo[@revision]"` stands for; only `config.json` is fetched.

    Raises:
        ValueError: A wrong address, or a repository that neither kerazoo nor timm wrote.
        DownloadError: Its `config.json` cannot be fetched.
    """
    match = _match(address)
    if (known := _registered(match)) is not None:
        return registered(known)
    config, commit = _read_config(address)
    tensors = functools.partial(_tensors, match["repo"], commit)
    if is_timm(config):
        return Weights(address, tensors, **describe_timm(config, address))
    pinned = f"{HUB}{match['repo']}@{commit}" if commit else address
    return described(pinned, tensors, config)


def resolve_folder(folder: Path) -> Weights | None:
    """The weights of a folder as `weights/*`; None where it is none."""
    if not is_repository(folder):
        return None
    config = read_json(folder / CONFIG)
    check_config(config, str(folder))
    weights = folder / WEIGHTS
    return described(str(weights), functools.partial(read_tensors, weights), config)


def is_repository(folder: Path) -> bool:
    """Whether a folder holds weights and the configuration that goes with them."""
    return (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file()


def check_config(config: Mapping[str, Any], address: str) -> None:
    """Raises `ValueError` where a `config.json` of our own format is not whole."""
    if not isinstance(config, Mapping):
        raise ValueError(f"The {CONFIG} of `{address}` is not a JSON object.")
    needed = ("architecture", "arguments", "preprocessing", "classes", "labels")
    missing = [key for key in needed if key not in config]
    if missing:
        raise ValueError(f"The {CONFIG} of `{address}` lacks {', '.join(map(repr, missing))}.")
    check_facts(address, config)


def read_json(path: Path) -> Any:
    """The value in a JSON file, which somebody else may have written.

    Raises:
        ValueError: It is none, or larger than any configuration.
        OSError: It cannot be read.
    """
    return parse_json(read_regular(path, CONFIG_BYTES.value), str(path))


def parse_json(raw: bytes, name: str) -> Any:
    """The value that JSON stands for; `name` is for the `ValueError` where it is none."""
    try:
        if len(raw) > CONFIG_BYTES.value:
            raise ValueError(f"too large; {CONFIG_BYTES}")
        return json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # RecursionError: brackets in brackets in …
        raise ValueError(f"`{name}` is not readable JSON ({error}).") from error


def _match(address: str) -> re.Match[str]:
    match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if match is None:
        raise invalid("source", address, "`hf://user/repo` or `hf://user/repo@revision`")
    return match


def _registered(match: re.Match[str]) -> Checkpoint | None:
    """timm's own repositories are known by their records, not by a `config.json` of ours."""
    here = (c for c in all_checkpoints() if c.source == "hub" and c.location == match["repo"])
    return None if match["revision"] else next(here, None)


def _tensors(repo: str, commit: str | None) -> dict[str, np.ndarray]:
    return read_tensors(fetch_hub(repo, WEIGHTS, revision=commit))


def _read_config(address: str) -> tuple[dict[str, Any], str | None]:
    """`config.json`, checked, and the commit it is of, so that the weights come from there too."""
    match = _match(address)
    path = fetch_hub(match["repo"], CONFIG, revision=match["revision"])
    folder = path.parent.name  # snapshots/<commit>/config.json
    commit = folder if re.fullmatch("[0-9a-f]{40}", folder) else match["revision"]
    try:
        config = read_json(path)
        known = is_timm(config) or config["library"] == "kerazoo"
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ValueError(
            f"`{address}` was published neither by `kerazoo.push_to_hub` nor by timm: its {CONFIG} "
            "does not say how pictures are prepared. Use a registered id (`kerazoo list`), or "
            "download its weights and give the file together with `padding=` and "
            "`batch_norm_epsilon=`."
        )
    if not is_timm(config):
        check_config(config, address)
    return config, commit
