"""From finished training runs to a checkpoint that ships with kerazoo.

    python tools/package_weights.py mixnet_s_cifar10 RUN [RUN ...] --data-dir DIR

Each RUN is a folder that `kerazoo train` left; a later one started from the weights of the one
before, or is the mean of them that `tools/average_runs.py` made. The weights of the last are
packaged as float16 safetensors under `kerazoo/checkpoints/embedded/`. Their accuracy on the whole
test split is measured through the public path (`weights=` and `kerazoo evaluate`'s own code). The
record goes to `records/own.json`; log, recipe and result of every run, the curves and the model
card to `weights/<name>/`.
"""

import argparse
import csv
import hashlib
import json
import os
import shutil
from pathlib import Path

import kerazoo
from kerazoo.checkpoints import records
from kerazoo.checkpoints.hub import CARD, CONFIG, WEIGHTS, hub_files
from kerazoo.training.run import CIFAR

ROOT = Path(__file__).parents[1]
KEPT = ("command.txt", "log.csv", "recipe.json", "result.json")
PACKAGE = Path(kerazoo.__file__).parent
EMBEDDED = "checkpoints/embedded"
HALF = {"repo_id": "kerazoo/embedded", "licence": "apache-2.0", "dtype": "float16"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="of the checkpoint, such as mixnet_s_cifar10")
    parser.add_argument("runs", type=Path, nargs="+", help="folders that `kerazoo train` left")
    parser.add_argument("--data-dir", required=True)
    args = parser.parse_args()
    folder, last = ROOT / "weights" / args.name, args.runs[-1]
    keep_records(args.runs, folder)
    recipe = json.loads((last / "recipe.json").read_text())
    name, dataset = args.name, recipe["data"]["name"]
    arguments = {"classes": 10, "input_shape": (32, 32, 3), **recipe["arguments"]}
    trained = kerazoo.create_model(
        recipe["model"], weights=str(last / "model.weights.h5"), **arguments
    )
    location = f"{EMBEDDED}/{name}.safetensors"
    digest = write(PACKAGE / location, hub_files(trained, **HALF)[WEIGHTS])
    record = {
        "id": f"kerazoo/{name}",
        "model": trained.info.architecture,
        "task": "classification",
        "dataset": dataset,
        "classes": 10,
        "labels": dataset,
        "default": True,
        "source": "package",
        "location": location,
        "filename": f"{name}.safetensors",
        "revision": None,
        "integrity": [{"kind": "sha256", "value": digest}],
        "licence": "apache-2.0",
        "non_commercial": False,
        "layout": "kerazoo",
        "padding": trained.info.arguments["padding"],
        "batch_norm_epsilon": trained.info.arguments["batch_norm_epsilon"],
        "preprocessing": CIFAR.to_dict(),
        "arguments": recipe["arguments"],
        "metrics": {},
        "notes": f"Trained by kerazoo on {dataset} alone; commands and logs in weights/{name}.",
    }
    register(record)
    result = measure(record["model"], dataset, args.data_dir)
    record["metrics"] = {
        "top1": round(result.top1, 2),
        "size": 32,
        "source": f"tools/package_weights.py, all {result.count} test pictures (JPEG quality 75)",
    }
    register(record)
    curves(folder)
    card(folder, record)
    print(f"{record['id']}: top-1 {result.top1:.2f} % on {result.count} test pictures")


def keep_records(runs: list[Path], folder: Path) -> None:
    """Copy what tells how each run went to `<folder>/run<i>/`."""
    for i, run in enumerate(runs, 1):
        target = folder / f"run{i}"
        target.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            if (run / name).exists():  # an average of runs has no log
                shutil.copyfile(run / name, target / name)


def write(path: Path, content: bytes) -> str:
    """Save and return the sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_bytes(content)
    os.replace(partial, path)
    return hashlib.sha256(content).hexdigest()


def register(record: dict) -> None:
    """Put the record into `own.json`, replacing one with the same id."""
    path = PACKAGE / "checkpoints/records/own.json"
    known = json.loads(path.read_text())["checkpoints"]
    known = [r for r in known if r["id"] != record["id"]] + [record]
    known.sort(key=lambda r: r["id"])
    path.write_text(json.dumps({"checkpoints": known}, indent=1) + "\n")
    records._registry.cache_clear()


def measure(model: str, dataset: str, data_dir: str):
    """Accuracy of the stored float16 weights, from picture bytes to label."""
    from kerazoo.data.evaluate import evaluate

    network = kerazoo.create_model(model, weights=dataset)
    return evaluate(network, dataset, "test", data_dir=data_dir, batch_size=100)


def curves(folder: Path) -> None:
    """`curves.png` from the logs of all runs, one after the other."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = []
    for log in sorted(folder.glob("run*/log.csv")):
        with open(log, encoding="utf-8") as file:
            rows += list(csv.DictReader(file))
    epochs = range(1, len(rows) + 1)
    _, axes = plt.subplots(1, 2, figsize=(9, 3.2), constrained_layout=True)
    for axis, key in zip(axes, ("loss", "accuracy"), strict=True):
        for prefix, label in (("", "training"), ("val_", "test")):
            axis.plot(epochs, [float(row[prefix + key]) for row in rows], label=label)
        axis.set(xlabel="epoch", title=key)
        axis.grid(alpha=0.3)
    axes[0].legend()
    plt.savefig(folder / "curves.png", dpi=110)


def card(folder: Path, record: dict) -> None:
    """The files that `push_to_hub` would publish beside the weights."""
    network = kerazoo.create_model(record["model"], weights=record["dataset"])
    files = hub_files(
        network,
        f"kerazoo/{folder.name}",
        licence=record["licence"],
        metrics={"accuracy": record["metrics"]["top1"] / 100},
        dataset=record["dataset"],
        dtype="float16",
    )
    for name in (CARD, CONFIG):
        (folder / name).write_bytes(files[name])


if __name__ == "__main__":
    main()
