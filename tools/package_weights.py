"""From finished training runs to a registered checkpoint.

    python tools/package_weights.py mixnet_s_cifar10 RUN [RUN ...] --data-dir DIR
    python tools/package_weights.py mobilenet_v2_cifar10 RUN --data-dir DIR --hub

Each RUN is a folder that `kerazoo train` left; a later one started from the weights of the one
before, or is the mean of them that `tools/average_runs.py` made. The weights of the last become
float16 safetensors: under `kerazoo/checkpoints/embedded/`, so that they ship with kerazoo, or with
`--hub` under `weights/<name>/`, the folder that `kerazoo push` publishes (`push.txt` there has the
command). Their accuracy on the whole test split is measured from that file. The record goes to
`records/own.json`; log, recipe and result of every run, the curves and the model card to
`weights/<name>/`.
"""

import argparse
import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import kerazoo
from kerazoo._files import write_bytes, write_text
from kerazoo.checkpoints import records
from kerazoo.checkpoints.hub_config import CARD, CONFIG, WEIGHTS
from kerazoo.evaluation import evaluate
from kerazoo.models import ZooModel
from kerazoo.publish.hub import hub_files
from kerazoo.report.curves import draw_curves
from kerazoo.tasks import get_task
from kerazoo.training.inputs import CIFAR
from kerazoo.training.trained import load_trained

ROOT = Path(__file__).parents[1]
KEPT = ("command.txt", "log.csv", "recipe.json", "result.json", "run.json")
PACKAGE = Path(kerazoo.__file__).parent
EMBEDDED = "checkpoints/embedded"
LICENCE = "apache-2.0"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="of the checkpoint, such as mixnet_s_cifar10")
    parser.add_argument("runs", type=Path, nargs="+", help="folders that `kerazoo train` left")
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--hub", action="store_true", help="for a repository, not for the wheel")
    parser.add_argument(
        "--base", help="where the first run's weights are from, if its recipe does not tell"
    )
    args = parser.parse_args()
    folder, last = ROOT / "weights" / args.name, args.runs[-1]
    first, recipe = (json.loads((run / "recipe.json").read_text()) for run in (args.runs[0], last))
    keep_records(args.runs, folder)
    dataset, weights = recipe["data"]["name"], first.get("weights")
    base = args.base or (Path(weights).name if weights else None)
    trained = load_trained(last)
    files = {"repo_id": f"kerazoo/{args.name}", "licence": LICENCE, "dtype": "float16"}
    place, path = location(args.name, folder, args.hub)
    digest = write(path, hub_files(trained, **files)[WEIGHTS])
    record = {
        **about(args.name, trained, dataset, base, recipe.get("distillation", {}).get("teacher")),
        **place,
        "integrity": [{"kind": "sha256", "value": digest}],
    }
    half = kerazoo.create_model(
        trained.info.architecture, weights=str(path), **trained.info.arguments
    )
    found = evaluate(
        half, dataset, "test", data_dir=args.data_dir, batch_size=100, preprocessing=CIFAR
    )
    record["metrics"] = {
        "top1": round(found.top1, 2),
        "size": 32,
        "source": f"tools/package_weights.py, all {found.count} test pictures (JPEG quality 75)",
    }
    register(record)
    monitor = get_task(trained.info.task).monitor
    draw_curves(sorted(folder.glob("run*/log.csv")), folder / "curves.png", monitor)
    facts = {"checkpoint": base, "lineage": trained.info.lineage[1:]}  # without the run itself
    half.info = dataclasses.replace(half.info, preprocessing=CIFAR, labels=dataset, **facts)
    card = {"metrics": {"accuracy": record["metrics"]["top1"] / 100}, "dataset": dataset}
    texts = hub_files(half, **files, **card)
    for name in (CARD, CONFIG):
        write(folder / name, texts[name])
    if args.hub:
        push = f"kerazoo push weights/{args.name} kerazoo/{args.name}\n"
        write(folder / "push.txt", push.encode())
    print(f"{record['id']}: top-1 {found.top1:.2f} % on {found.count} test pictures")


def location(name: str, folder: Path, hub: bool) -> tuple[dict, Path]:
    """What the record says of the place of the file, and where it is written now."""
    if hub:
        place = {"source": "hub", "location": f"kerazoo/{name}", "filename": WEIGHTS}
        return {**place, "revision": None}, folder / WEIGHTS
    file = f"{EMBEDDED}/{name}.safetensors"
    place = {"source": "package", "location": file, "filename": f"{name}.safetensors"}
    return {**place, "revision": None}, PACKAGE / file


def about(
    name: str, trained: ZooModel, dataset: str, base: str | None, teacher: str | None
) -> dict:
    """The record but for place, digest and accuracy of the file."""
    start = f", started from {base}" if base else "" if teacher else " alone"
    if teacher:
        start += f", in the end with {Path(teacher).name} as the teacher"
    made = trained.info.arguments
    own = {k: made[k] for k in ("stem_strides", "dropout_rate", "stem") if k in made}
    return {
        "id": f"kerazoo/{name}",
        "model": trained.info.architecture,
        "task": "classification",
        "dataset": dataset,
        "classes": 10,
        "labels": dataset,
        "default": True,
        "licence": LICENCE,
        "non_commercial": False,
        "layout": "kerazoo",
        "padding": made["padding"],
        "batch_norm_epsilon": made["batch_norm_epsilon"],
        "preprocessing": CIFAR.to_dict(),
        "arguments": own,
        "notes": f"Trained by kerazoo on {dataset}{start}; commands and logs in weights/{name}.",
    }


def keep_records(runs: list[Path], folder: Path) -> None:
    """Copy what tells how each run went to `<folder>/run<i>/`."""
    for i, run in enumerate(runs, 1):
        target = folder / f"run{i}"
        target.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            # An average of runs has no log; the records of an earlier packaging are in place.
            if (run / name).exists() and run.resolve() != target.resolve():
                shutil.copyfile(run / name, target / name)


def write(path: Path, content: bytes) -> str:
    """Save and return the sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def register(record: dict) -> None:
    """Put the record into `own.json`, replacing one with the same id."""
    path = PACKAGE / "checkpoints/records/own.json"
    known = json.loads(path.read_text())["checkpoints"]
    known = [r for r in known if r["id"] != record["id"]] + [record]
    known.sort(key=lambda r: r["id"])
    write_text(path, json.dumps({"checkpoints": known}, indent=1) + "\n")
    records._registry.cache_clear()


if __name__ == "__main__":
    main()
