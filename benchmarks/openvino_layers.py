"""Where OpenVINO spends its time on a network, by kind of layer, for the forms of fuse.py.

    python benchmarks/openvino_layers.py mixnet_s [--precision bf16] [--forms 'split, groups']
    python benchmarks/openvino_layers.py --files ours.xml theirs.xml

On one thread, each layer's fastest of all rounds: layers take microseconds, so that even on a busy
machine most of them are once left alone. With --files the networks of any OpenVINO files.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np


def profile(files: dict[str, Path], precision: str, batch: int, rounds: int) -> dict[str, dict]:
    """Name -> (kind, implementation) -> [microseconds of each layer], all networks in turn."""
    import openvino

    core = openvino.Core()
    requests = {}
    for name, file in files.items():
        network = core.read_model(file)
        shape = [batch, *(d.get_length() for d in list(network.inputs[0].partial_shape)[1:])]
        network.reshape(shape)
        settings = {
            "PERF_COUNT": True,
            "INFERENCE_NUM_THREADS": 1,
            "INFERENCE_PRECISION_HINT": precision,
        }
        request = core.compile_model(network, "CPU", settings).create_infer_request()
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        requests[name] = (request, x)
    fastest: dict[str, dict] = {name: {} for name in files}
    for _ in range(rounds):
        for name, (request, x) in requests.items():
            request.infer([x])
            for layer in request.profiling_info:
                us = 1e6 * layer.real_time.total_seconds()
                key = (layer.node_name, layer.node_type, layer.exec_type)
                if us:
                    fastest[name][key] = min(us, fastest[name].get(key, us))
    return {name: _by_kind(layers) for name, layers in fastest.items()}


def _by_kind(layers: dict[tuple, float]) -> dict[tuple, list[float]]:
    kinds: dict[tuple, list[float]] = {}
    for (_, kind, implementation), us in layers.items():
        kinds.setdefault((kind, implementation), []).append(us)
    return dict(sorted(kinds.items(), key=lambda item: -sum(item[1])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?")
    parser.add_argument("--files", nargs="+", type=Path, default=[])
    parser.add_argument("--forms", nargs="+", help="only these of benchmarks/fuse.py")
    parser.add_argument("--precision", default="f32", choices=("f32", "bf16"))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    from kerazoo.benchmark.report import table

    files = {str(file): file for file in given.files}
    with tempfile.TemporaryDirectory() as folder:
        if given.model:
            files |= _files(given, Path(folder))
        found = profile(files, given.precision, given.batch, given.rounds)
    rows = []
    for name, kinds in found.items():
        every = [us for layers in kinds.values() for us in layers]
        rows.append((name, "all", "", str(len(every)), f"{sum(every) / 1e3:.2f}"))
        for (kind, implementation), layers in kinds.items():
            ms = f"{sum(layers) / 1e3:.2f}"
            rows.append((name, kind, implementation, str(len(layers)), ms))
    print(f"{given.precision}, batch {given.batch}, one thread, {given.rounds} rounds\n")
    print(table(("network", "layer", "implementation", "layers", "ms"), rows, left=3))


def _files(given, folder: Path) -> dict[str, Path]:
    from fuse import forms

    from kerazoo.deploy import export

    files = {}
    for i, (name, model) in enumerate(forms(given.model, given.size, 8).items()):
        if given.forms is None or name in given.forms:
            files[name] = folder / f"{i}.xml"
            export(model, files[name], "openvino", fused=False)
    return files


if __name__ == "__main__":
    main()
