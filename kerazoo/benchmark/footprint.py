"""Memory and load time of one network under one runtime, in a process that does nothing else.

`python -m kerazoo.benchmark.footprint RUNTIME FILE THREADS N,H,W,C` prints one line of JSON.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kerazoo.benchmark.candidates import CANDIDATES


def footprint(runtime: str, file: Path, shape: tuple[int, ...], threads: int) -> dict[str, Any]:
    """What it takes to have the network at hand, measured in a new process.

    Returns:
        `file_mb`, `imports_s` (the runtime's modules), `load_s` (from the file to the first
        answer, imports left out), `peak_memory_mb` of the process, and `imports_memory_mb` of it
        before there was a network.

    Raises:
        RuntimeError: with the last line that the process wrote, if it failed.
    """
    sizes = ",".join(map(str, shape))
    done = subprocess.run(
        [sys.executable, "-m", __name__, runtime, str(file), str(threads), sizes],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return {**json.loads(done.stdout.splitlines()[-1]), "file_mb": round(size_mb(file), 2)}


def size_mb(file: Path) -> float:
    """Millions of bytes, with the weights that OpenVINO keeps beside its file."""
    weights = file.with_suffix(".bin")
    parts = [file, weights] if file.suffix == ".xml" and weights.exists() else [file]
    return sum(part.stat().st_size for part in parts) / 1e6


def _measure(runtime: str, file: str, threads: str, sizes: str) -> dict[str, Any]:
    import numpy as np

    shape = tuple(int(n) for n in sizes.split(","))
    start = time.perf_counter()
    _import(CANDIDATES[runtime].format)
    imported, before = time.perf_counter(), _peak_memory_mb()
    x = np.zeros(shape, "float32")
    CANDIDATES[runtime].load(Path(file), shape, int(threads))(x)
    loaded = time.perf_counter()
    return {
        "imports_s": round(imported - start, 3),
        "load_s": round(loaded - imported, 3),
        "imports_memory_mb": round(before, 1),
        "peak_memory_mb": round(_peak_memory_mb(), 1),
    }


def _import(format: str) -> None:
    import importlib

    modules = {
        "keras": ("tensorflow", "keras", "kerazoo.models", "kerazoo.inference"),
        "openvino": ("openvino",),
        "onnx": ("onnxruntime",),
        "litert": ("ai_edge_litert.interpreter",),
    }
    for name in modules[format]:
        importlib.import_module(name)


def _peak_memory_mb() -> float:
    """Largest resident size so far, in millions of bytes."""
    try:
        # Not getrusage: its figure counts what the parent process had when it started this one.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    except (OSError, StopIteration):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
