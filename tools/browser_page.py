"""Makes the page that runs networks in the visitor's browser: a folder of static files.

python tools/browser_page.py --output build/browser
python -m http.server --directory build/browser

The networks that come with kerazoo, one for each task, in float32 and int8, as `kerazoo export`
writes them; LiteRT.js from npm, whose archives are checked. The page fetches nothing from
elsewhere. It has to be served: browsers read no WebAssembly from `file://`.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import kerazoo
from kerazoo._errors import invalid
from kerazoo._files import write_text
from kerazoo._photographs import photographs
from kerazoo.deploy.exporting import read_record
from kerazoo.deploy.runtimes import RAW
from kerazoo.tasks import TASKS

SOURCES = Path(__file__).parent / "browser"
PRECISIONS = ("float32", "int8")
WINDOWS, SIDE = 6, 384  # of each photograph, and their pixels
VERSION = "2.5.3"
# Package -> the SHA-256 of its archive.
DIGESTS = {
    "@litertjs/core": "a97660833e9e7e1063c95e12016718881240b14f7438728a2f62785e912d30fd",
    "@litertjs/wasm-utils": "ce2a1f8379c067be49e59752e5a7f40db6be09f6e497f0f11e59f17b515366a7",
}
# Package -> file in the archive -> where it goes. Which of the two kinds of WebAssembly is loaded
# is LiteRT.js's to choose, by what the browser can do.
_WASM = [f"litert_wasm_{kind}internal.{end}" for kind in ("", "compat_") for end in ("js", "wasm")]
PACKAGES = {
    "@litertjs/core": {
        "dist/index.js": "core.js",
        **{f"wasm/{name}": f"wasm/{name}" for name in _WASM},
    },
    "@litertjs/wasm-utils": {"dist/index.js": "wasm-utils.js"},
}
# LiteRT.js runs networks in int8, but has no tensors of that type: a line beside its others.
_TYPES = "var DATATYPES = Object.freeze(["
_INT8 = ' { dtype: "int8", typedArrayConstructor: Int8Array, elementType: ElementType.INT8 },'


def make_page(output: Path) -> None:
    """Writes the page into a folder, which is made if needed.

    Raises:
        ValueError: The folder holds something else; an archive of npm's is another one.
    """
    if output.exists() and any(output.iterdir()) and not (output / "page.js").is_file():
        raise invalid("output", str(output), "a folder that is empty or holds such a page")
    shutil.copytree(SOURCES, output, dirs_exist_ok=True)
    vendor(output / "vendor")
    (output / "networks").mkdir(exist_ok=True)
    entries = [
        entry(output / "networks", task, precision) for task in TASKS for precision in PRECISIONS
    ]
    text = json.dumps({"kerazoo": kerazoo.__version__, "networks": entries}, ensure_ascii=False)
    write_text(output / "networks" / "networks.json", text)


def vendor(folder: Path) -> None:
    """LiteRT.js and its WebAssembly, from npm."""
    for package, files in PACKAGES.items():
        with tempfile.TemporaryDirectory() as place:
            command = ["npm", "pack", f"{package}@{VERSION}", "--silent"]
            name = subprocess.run(command, cwd=place, check=True, capture_output=True, text=True)
            archive = Path(place) / name.stdout.strip().splitlines()[-1]
            found = hashlib.sha256(archive.read_bytes()).hexdigest()
            if found != DIGESTS[package]:
                rule = f"one with sha256-{DIGESTS[package]}"
                raise invalid("package", f"{package} {VERSION}, sha256-{found}", rule)
            with tarfile.open(archive) as members:
                for inside, target in files.items():
                    (folder / target).parent.mkdir(parents=True, exist_ok=True)
                    file = members.extractfile(f"package/{inside}")
                    assert file is not None  # a regular one
                    (folder / target).write_bytes(file.read())
    core = folder / "core.js"
    text = core.read_text(encoding="utf-8")
    if text.count(_TYPES) != 1:
        raise invalid("package", f"@litertjs/core {VERSION}", "one with a table of its types")
    write_text(core, text.replace(_TYPES, _TYPES + _INT8))


def entry(folder: Path, task: str, precision: str) -> dict[str, Any]:
    """Exports a network; what the page has to know of it, as JSON."""
    id = kerazoo.default_model(task)
    path = folder / f"{id.split('/')[-1]}_{precision}.tflite"
    calibration = {"representative": _windows()} if precision == "int8" else {}
    model = kerazoo.open_model(id)
    kerazoo.deploy.export(model, path, "litert", precision=precision, force=True, **calibration)
    one_picture(path)
    record = read_record(path)
    assert record is not None  # which was just written
    facts = {"name": id, "file": path.name, "bytes": path.stat().st_size}
    facts |= {"record": record.to_dict(), **_tensors(path)}
    if task == "detection":
        from kerazoo.tasks.detection.detector import anchors_of

        facts["anchors"] = anchors_of(record).ravel().tolist()
    return facts


def one_picture(path: Path) -> None:
    """Makes a LiteRT file one for single pictures, with the network's own signature alone.

    LiteRT.js takes no batch that is left open. Nothing else of the file changes, but that the facts
    behind the network are gone: the page has them.
    """
    from tensorflow.lite.tools import flatbuffer_utils as buffers

    model = buffers.read_model(str(path))
    named = {each.signatureKey.decode(): each for each in model.signatureDefs}
    own = named.get(RAW) or next(iter(named.values()))
    model.subgraphs, model.signatureDefs = [model.subgraphs[own.subgraphIndex]], [own]
    own.subgraphIndex = 0
    for tensor in model.subgraphs[0].tensors:
        tensor.shapeSignature = None
    buffers.write_model(model, str(path))


def _windows() -> np.ndarray:
    """uint8 `(count, SIDE, SIDE, 3)`: parts of photographs to find the ranges of int8 with."""
    rng = np.random.default_rng(0)
    found = []
    for path in photographs():
        whole = kerazoo.open_picture(path)
        for _ in range(WINDOWS):
            side = int(rng.uniform(0.5, 1) * min(whole.size))
            left, top = (int(rng.integers(0, length - side + 1)) for length in whole.size)
            window = whole.crop((left, top, left + side, top + side))
            found.append(np.asarray(window.resize((SIDE, SIDE))))
    return np.stack(found)


def _tensors(path: Path) -> dict[str, Any]:
    """Signature, shapes and scales of the inputs and outputs of a LiteRT file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    keys = list(interpreter.get_signature_list())
    key = RAW if RAW in keys else keys[0]
    runner = interpreter.get_signature_runner(key)
    (given,) = runner.get_input_details().values()
    outputs = {
        name: {"shape": each["shape"].tolist(), "quantised": _quantised(each)}
        for name, each in runner.get_output_details().items()
    }
    return {"signature": key, "input": _quantised(given), "outputs": outputs}


def _quantised(details: dict[str, Any]) -> dict[str, Any] | None:
    scale, zero = details["quantization"]
    return {"scale": float(scale), "zero": int(zero)} if scale else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    make_page(parser.parse_args().output)


if __name__ == "__main__":
    main()
