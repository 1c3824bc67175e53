"""Trained detectors on real pictures, as built and exported, in float and int8: AP of each.

    python benchmarks/detection_accuracy.py --shared ../shared [--pictures 8] [NAME ...]

* `ssdlite_mobilenet_v2_voc`: on the COCO pictures of `coco_tiny` (val2017), in the classes of
  Pascal VOC; the original gets 31.2 there.
* `ssd_mobilenet_v1_coco`, which comes with the package: on the same, all classes; 23.6.
* `ssdlite_mobilenet_v2_bccd`, trained here: on the validation pictures of `bccd`.

int8 ranges are found with pictures of the training split. `--float-layers stem stage1` leaves
those in float in LiteRT.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from kerazoo.data.open import open_source
from kerazoo.deploy import Runner, export
from kerazoo.evaluation import evaluate
from kerazoo.open import open_model

sys.path.append(str(Path(__file__).parents[1]))
from tools.voc_detector import build

ROOT = Path(__file__).parents[1]


def voc(shared: Path) -> Any:
    return build(str(shared / "weights/seg_det/ssdlite_mobilenet_v2_voc_int8.npz"))


def coco(shared: Path) -> Any:
    return open_model("detection")


def bccd(shared: Path) -> Any:
    return open_model(ROOT / "weights/ssdlite_mobilenet_v2_bccd")


# Name -> network, folder of pictures, AP of the original.
CASES: dict[str, tuple[Callable, str, float | None]] = {
    "ssdlite_mobilenet_v2_voc": (voc, "coco_tiny", 31.2),
    "ssd_mobilenet_v1_coco": (coco, "coco_tiny", 23.6),
    "ssdlite_mobilenet_v2_bccd": (bccd, "bccd", None),
}
# Format, precision and suffix; the first is the network as it is built.
FILES = (
    ("keras", "float32", ".keras"),
    ("litert", "float32", ".tflite"),
    ("litert", "int8", ".tflite"),
    ("openvino", "float32", ".xml"),
    ("openvino", "int8", ".xml"),
)


def measure(name: str, args: argparse.Namespace, folder: Path) -> None:
    make, data, original = CASES[name]
    model = make(args.shared)
    how = {"purpose": "evaluate", "task": "detection"}
    source = open_source(args.shared / data, "val", **how)
    base = None
    for format, precision, suffix in FILES:
        if args.formats and format not in args.formats:
            continue
        path, size, kept = model, "", ()
        if format != "keras":
            path = folder / f"{name}_{precision}{suffix}"
            training = open_source(args.shared / data, "train", **how)
            mixed = (format, precision) == ("litert", "int8")
            kept = args.float_layers if mixed else ()
            export(
                model,
                path,
                format,
                precision=precision,
                float_layers=kept,
                representative=training if precision == "int8" else None,
            )
            path = Runner(path)
            size = f"{path.file_size / 1e6:.1f}"
        found = evaluate(path, source, batch_size=8, limit=args.pictures)
        figures = found.figures
        base = base if base is not None else figures["AP"]
        told = f"{original:.1f}" if original and not args.pictures else "–"
        cells = (
            *(name, format, " ".join((precision, "but for" if kept else "", *kept)), size),
            *(f"{100 * figures[key]:.2f}" for key in ("AP", "AP50")),
            *(f"{100 * (figures['AP'] - base):+.2f}", told, str(found.count)),
        )
        print("|", " | ".join(cells), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of {', '.join(CASES)}")
    parser.add_argument("--shared", type=Path, required=True, help="folder of weights and pictures")
    parser.add_argument("--pictures", type=int, help="only so many of each set")
    parser.add_argument("--float-layers", nargs="+", default=(), help="as of `kerazoo export`")
    parser.add_argument("--formats", nargs="+", help="keras, litert, openvino; default: all")
    args = parser.parse_args()
    print(
        "| network | format | precision | MB | AP | AP50 | less the first | original | pictures |"
    )
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or CASES:
            measure(name, args, Path(folder))


if __name__ == "__main__":
    main()
