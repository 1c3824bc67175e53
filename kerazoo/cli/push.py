"""`kerazoo push`: publish a checkpoint on the Hugging Face Hub."""

import argparse
from pathlib import Path
from typing import Any

from kerazoo._files import read_utf8
from kerazoo.cli._model import MODEL, add_weights_options
from kerazoo.cli._output import print_table

SUMMARY = "publish a model or the folder of a run on the Hugging Face Hub"
EPILOG = """\
A folder with model.safetensors, config.json and README.md, as `kerazoo finetune` and weights/*
have it, is sent as it is, but for the state that a run resumes from and further copies of the
weights (backup/, tensorboard/, *.keras, *.h5). mistakes.png and worst.png show photographs of your
data and stay here without --pictures. Anything else is a model, of which those three files are
made. The token is that of `hf auth login`, or HF_TOKEN.

examples:
  kerazoo push runs/pets user/mixnet_s_pets --dry-run
  kerazoo push runs/pets user/mixnet_s_pets --licence apache-2.0
  kerazoo push mine.keras user/mine --licence mit --metric accuracy=0.91 --dataset pets
  kerazoo push mixnet_s user/mixnet_s --weights cifar10 --dtype float16 --private
"""

# Options that a folder has answered already, and what they are for a model.
_OF_MODELS = ("weights", "like", "dtype", "metric", "dataset", "labels")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="RUN_OR_MODEL",
        help=MODEL,
    )
    parser.add_argument("repo", metavar="USER/REPO", help="made where it does not exist")
    parser.add_argument("--dry-run", action="store_true", help="list the files and send nothing")
    parser.add_argument(
        "--pictures", action="store_true", help="of a folder: also send photographs of your data"
    )
    parser.add_argument("--private", action="store_true", help="if the repository is new")
    parser.add_argument("--licence", help="id such as apache-2.0 (default: that of the weights)")
    parser.add_argument("--message", help="of the commit (default: Add NAME)")
    add_weights_options(parser)
    parser.add_argument("--dtype", choices=("float32", "float16"), help="of a model's numbers")
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=_metric,
        help="of a model: a result for the card; repeatable",
    )
    parser.add_argument("--dataset", help="of a model: what the results were measured on")
    parser.add_argument(
        "--labels", metavar="FILE", help="of a model: names of its classes, one a line"
    )
    parser.set_defaults(size=None, settings=[])


def run(args: argparse.Namespace) -> int:
    from kerazoo.publish.commit import check_repo, commit_files

    check_repo(args.repo)
    name, files = _of_folder(args) if _is_checkpoint(args.model) else _of_model(args)
    if args.dry_run:
        rows = [(file, _size(content)) for file, content in files.items()]
        print_table(("file", "bytes"), rows, right=(1,))
        print(f"\nNothing was sent to {args.repo}.")
        return 0
    message = args.message or f"Add {name}"
    print(commit_files(args.repo, files, message, private=args.private))
    return 0


def _is_checkpoint(name: str) -> bool:
    """Whether it is a folder to be sent as it is; that of a run of `train` holds just a model."""
    from kerazoo.checkpoints.hub_config import is_repository
    from kerazoo.checkpoints.local import RUN_WEIGHTS
    from kerazoo.open import find_exported
    from kerazoo.registry import catalogue

    path = Path(name)
    if name in catalogue() or not path.is_dir() or find_exported(name):
        return False
    return is_repository(path) or not (path / RUN_WEIGHTS).is_file()


def _of_folder(args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    from kerazoo._errors import invalid
    from kerazoo.publish.folder import folder_files

    for option in _OF_MODELS:
        if value := getattr(args, option):
            raise invalid(option, value, f"left out: the folder {args.model} says it already")
    files = folder_files(args.model, args.repo, licence=args.licence, pictures=args.pictures)
    return Path(args.model).resolve().name, files


def _of_model(args: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    from kerazoo._errors import invalid
    from kerazoo.cli._model import load_network
    from kerazoo.publish.hub import hub_files

    if args.pictures:
        raise invalid("pictures", True, "left out: of a model nothing but its files is sent")
    labels = args.labels and read_utf8(args.labels, "labels").splitlines()
    model = load_network(args)
    if getattr(model, "info", None) is None:
        raise invalid("model", args.model, "a network of kerazoo")
    files = hub_files(
        model,
        args.repo,
        licence=args.licence,
        metrics=dict(args.metric),
        dataset=args.dataset,
        labels=labels,
        dtype=args.dtype or "float32",
    )
    return model.info.architecture, files


def _metric(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be NAME=NUMBER, not {text!r}") from None


def _size(content: Any) -> str:
    return f"{len(content) if isinstance(content, bytes) else content.stat().st_size:,}"
