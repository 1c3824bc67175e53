"""A network that is small enough to come with the package: its file, and its record.

    python tools/embed.py tensorflow/mobilenet_v2_1.0_224_quant mobilenet_v2_100 FILE \\
        --facts FACTS.json

FILE holds trained weights of the model, in any format and layout that kerazoo reads. They go to
`kerazoo/checkpoints/embedded/` under our own names: kernels whose values are integers times a scale
at a byte a number (`kerazoo.checkpoints.read.integers`), others as they are; nothing is rounded.
FACTS.json has what the file does not say of itself, as keys of a record (`licence`, `notes`,
`metrics`, `dataset`, `labels`); what it leaves out is that of the model's default
weights for that data set (ImageNet).
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save

import kerazoo
from kerazoo._files import write_bytes, write_text
from kerazoo.checkpoints.load import variables_by_path
from kerazoo.checkpoints.read.integers import narrowed
from kerazoo.checkpoints.records import default_checkpoint

PACKAGE = Path(kerazoo.__file__).parent
FOLDER, RECORDS = "checkpoints/embedded", "checkpoints/records/embedded.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("id", help="of the checkpoint, publisher first; its end names the file")
    parser.add_argument("model", help="id of the model")
    parser.add_argument("weights", help="file with its trained weights")
    parser.add_argument("--facts", type=Path, required=True, help="JSON, keys of a record")
    args = parser.parse_args()
    facts = json.loads(args.facts.read_text())
    like = default_checkpoint(args.model, facts.get("dataset", "imagenet"))
    conventions = {"padding": like.padding, "batch_norm_epsilon": like.batch_norm_epsilon}
    arguments = {**conventions, **like.arguments, "classes": like.classes}
    model = kerazoo.create_model(args.model, weights=args.weights, **arguments)
    content = save(stored(model), metadata={"format": "kerazoo"})
    filename = f"{args.id.rpartition('/')[2]}.safetensors"
    location = f"{FOLDER}/{filename}"
    write_bytes(PACKAGE / location, content)
    record = {
        **like.to_dict(),
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
