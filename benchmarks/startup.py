"""What a user waits for: import, listing, building MixNet-M, loading cached weights into it.

    python benchmarks/startup.py [--runs 5]

Prints a Markdown table of medians, in seconds. Building and loading are timed inside a process
that has imported Keras already; the weights are random ones in a local safetensors file of the
real size, which is what a cached download is.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = """
import sys, time
import keras, kerazoo
kerazoo.create_model("mobilenet_v1_025", weights=None, input_shape=(32, 32, 3))  # warm Keras up
start = time.perf_counter()
model = kerazoo.MixNetM(weights=None)
built = time.perf_counter()
if sys.argv[2] == "save":
    from kerazoo.checkpoints.hub_config import WEIGHTS
    from kerazoo.publish.hub import hub_files
    open(sys.argv[1], "wb").write(hub_files(model, "a/b", licence="mit")[WEIGHTS])
else:
    loaded = time.perf_counter()
    kerazoo.MixNetM(weights=sys.argv[1])
    print(built - start, time.perf_counter() - loaded)
"""


def process_seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = range(parser.parse_args().runs)
    python = sys.executable
    commands = {
        "`python -c pass`": [python, "-c", "pass"],
        "`import kerazoo` (process)": [python, "-c", "import kerazoo"],
        "`kerazoo list` (process)": [python, "-m", "kerazoo.cli", "list"],
    }
    rows = {name: [process_seconds(command) for _ in runs] for name, command in commands.items()}
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "mixnet_m.safetensors")
        subprocess.run([python, "-c", BUILD, file, "save"], check=True, capture_output=True)
        for _ in runs:
            done = subprocess.run(
                [python, "-c", BUILD, file, "time"], check=True, capture_output=True, text=True
            )
            build, load = map(float, done.stdout.split()[-2:])
            rows.setdefault("`MixNetM(weights=None)`", []).append(build)
            rows.setdefault("`MixNetM` with cached weights, in all", []).append(load)
    print("| what | median s | min | max |\n|---|---:|---:|---:|")
    for name, seconds in rows.items():
        middle = statistics.median(seconds)
        print(f"| {name} | {middle:.2f} | {min(seconds):.2f} | {max(seconds):.2f} |")


if __name__ == "__main__":
    main()
