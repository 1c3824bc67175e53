"""From a finished training run to a checkpoint that ships with kerazoo.

    python tools/package_weights.py weights/mixnet_s_cifar10 --data-dir DIR

Reads `recipe.json` and `model.weights.h5` of the run, writes the weights as float16 safetensors
under `kerazoo/checkpoints/embedded/`, measures their accuracy on the whole test split through the
public path (`weights=` and `kerazoo evaluate`'s own code), and writes the record in
`records/own.json`, the model card and the curves beside the run's log.
"""

import argparse
import csv
import hashlib
import json
import os
from pathlib import Path

import kerazoo
from kerazoo.checkpoints import records
from kerazoo.checkpoints.hub import CARD, CONFIG, WEIGHTS, hub_files
from kerazoo.training.run import CIFAR

PACKAGE = Path(kerazoo.__file__).parent
EMBEDDED = "checkpoints/embedded"
HALF = {"repo_id": "kerazoo/embedded", "licence": "apache-2.0", "dtype": "float16"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder that `kerazoo train` left")
    parser.add_argument("--data-dir", required=True)
    args = parser.parse_args()
    recipe = json.loads((args.run / "recipe.json").read_text())
    name, dataset = args.run.name, recipe["data"]["name"]
    arguments = {"classes": 10, "input_shape": (32, 32, 3), **recipe["arguments"]}
    trained = kerazoo.create_model(
        recipe["model"], weights=str(args.run / "model.weights.h5"), **arguments
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
        "notes": f"Trained by `kerazoo train {name}`; see weights/{name}.",
    }
    register(record)
    result = measure(record["model"], dataset, args.data_dir)
    record["metrics"] = {
        "top1": round(result.top1, 2),
        "size": 32,
        "source": f"tools/package_weights.py, all {result.count} test pictures (JPEG quality 75)",
    }
    register(record)
    curves(args.run)
    card(args.run, record)
    print(f"{record['id']}: top-1 {result.top1:.2f} % on {result.count} test pictures")


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


def curves(run: Path) -> None:
    """`curves.png` from `log.csv`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with open(run / "log.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    epochs = [int(row["epoch"]) + 1 for row in rows]
    _, axes = plt.subplots(1, 2, figsize=(9, 3.2), constrained_layout=True)
    for axis, key in zip(axes, ("loss", "accuracy"), strict=True):
        for prefix, label in (("", "training"), ("val_", "test")):
            axis.plot(epochs, [float(row[prefix + key]) for row in rows], label=label)
        axis.set(xlabel="epoch", title=key)
        axis.grid(alpha=0.3)
    axes[0].legend()
    plt.savefig(run / "curves.png", dpi=110)


def card(run: Path, record: dict) -> None:
    """The files that `push_to_hub` would publish beside the weights."""
    network = kerazoo.create_model(record["model"], weights=record["dataset"])
    files = hub_files(
        network,
        f"kerazoo/{run.name}",
        licence=record["licence"],
        metrics={"accuracy": record["metrics"]["top1"] / 100},
        dataset=record["dataset"],
        dtype="float16",
    )
    for name in (CARD, CONFIG):
        (run / name).write_bytes(files[name])


if __name__ == "__main__":
    main()
