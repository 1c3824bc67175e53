"""A network that is small enough to come with the package: its file, and its record.

    python tools/embed.py tensorflow/mobilenet_v2_1.0_224_quant mobilenet_v2_100 FILE \\
        --facts FACTS.json

FILE holds trained weights of the model, in any format and layout that kerazoo reads. They go to
`kerazoo/checkpoints/embedded/` under our own names: kernels whose values are integers times a scale
at a byte a number (`kerazoo.checkpoints.read.integers`), others as they are; nothing is rounded.
FACTS.json has what the file does not say of itself, as keys of a record (`licence`, `notes`,
`metrics`, `dataset`, `labels`); what it leaves out is that of the model's default weights for that
data set (ImageNet), if there are any. With `--labels`, a detector keeps the classes of that set
alone, out of those that FACTS.json names.
"""

import argparse
import hashlib
import json
import re
from pathlib import Path

import numpy as np
from safetensors.numpy import save

import kerazoo
from kerazoo._files import write_bytes, write_text
from kerazoo.checkpoints.load import variables_by_path
from kerazoo.checkpoints.read.integers import narrowed
from kerazoo.checkpoints.records import checkpoints_for
from kerazoo.labels import label_names, shared_classes
from kerazoo.tasks.detection.classes import with_classes
from kerazoo.tasks.detection.detector import detector_of

PACKAGE = Path(kerazoo.__file__).parent
FOLDER, RECORDS = "checkpoints/embedded", "checkpoints/records/embedded.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("id", help="of the checkpoint, publisher first; its end names the file")
    parser.add_argument("model", help="id of the model")
    parser.add_argument("weights", help="file with its trained weights")
    parser.add_argument("--facts", type=Path, required=True, help="JSON, keys of a record")
    parser.add_argument("--labels", help="label set that a detector is cut down to")
    args = parser.parse_args()
    facts = json.loads(args.facts.read_text())
    dataset = facts.get("dataset", "imagenet")
    known = [c for c in checkpoints_for(args.model) if c.default and c.dataset == dataset]
    facts = {**(known[0].to_dict() if known else {}), **facts}
    made = {key: facts[key] for key in ("padding", "batch_norm_epsilon", "classes")}
    made["input_shape"] = (*facts["preprocessing"]["size"], 3)
    made |= facts.get("arguments", {})
    model = kerazoo.create_model(args.model, weights=args.weights, **made)
    if args.labels:
        classes = len(label_names(args.labels))
        part = kerazoo.create_model(args.model, weights=None, **{**made, "classes": classes})
        model = copied(model, part, shared(facts["labels"], args.labels))
        facts |= {"classes": classes, "labels": args.labels}
    content = save(stored(model), metadata={"format": "kerazoo"})
    filename = f"{args.id.rpartition('/')[2]}.safetensors"
    location = f"{FOLDER}/{filename}"
    write_bytes(PACKAGE / location, content)
    record = {
        "default": False,
        **facts,
        "id": args.id,
        "model": args.model,
        "layout": "kerazoo",
        "source": "package",
        "location": location,
        "filename": filename,
        "revision": None,
        "integrity": [{"kind": "sha256", "value": hashlib.sha256(content).hexdigest()}],
    }
    register(record)
    print(f"{record['id']}: {len(content):,} bytes")


def shared(of: str, wanted: str) -> dict[int, int]:
    """Number of a class in one label set -> in the other, of which none may be missing."""
    places = shared_classes(label_names(of), label_names(wanted))
    assert len(places) == len(label_names(wanted))
    return places


def copied(whole, part, places: dict[int, int]):
    """`part` with the weights of `whole`, of which it has fewer classes."""
    counts = detector_of(part).anchors.counts
    target = variables_by_path(part)
    for path, variable in variables_by_path(whole).items():
        value, found = np.asarray(variable), re.match(r"classes(\d+)_conv/", path)
        if found:
            anchors = counts[int(found[1]) - 1]
            value = with_classes(value, np.asarray(target[path]), anchors, places)
        target[path].assign(value)
    return part


def stored(model: kerazoo.ZooModel) -> dict[str, np.ndarray]:
    """What the file holds; batch norms that are the identity but for their shift, that alone."""
    arrays = {path: np.asarray(value) for path, value in variables_by_path(model).items()}
    found: dict[str, np.ndarray] = {}
    folded = all(
        np.array_equal(array, np.full_like(array, idle))
        for path, array in arrays.items()
        for part, idle in identity(model).items()
        if path.endswith(part)
    )
    for path, array in arrays.items():
        if not (folded and path.endswith(tuple(identity(model)))):
            found |= narrowed(path, array) if array.ndim > 1 else {path: array}
    return found


def identity(model: kerazoo.ZooModel) -> dict[str, float]:
    """Variable of a batch norm -> its value where the batch norm was folded into a convolution."""
    epsilon = model.info.arguments["batch_norm_epsilon"]
    return {"/gamma": 1.0, "/moving_mean": 0.0, "/moving_variance": 1 - epsilon}


def register(record: dict) -> None:
    """Puts the record into `embedded.json`, replacing one with the same id."""
    path = PACKAGE / RECORDS
    known = json.loads(path.read_text())["checkpoints"] if path.exists() else []
    known = [each for each in known if each["id"] != record["id"]] + [record]
    known.sort(key=lambda each: each["id"])
    write_text(path, json.dumps({"checkpoints": known}, indent=1) + "\n")


if __name__ == "__main__":
    main()
