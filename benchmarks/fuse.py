"""Speed of networks as built and fused in several forms on CPU, as a Markdown table.

    python benchmarks/fuse.py mixnet_s shufflenet_v1 --runtime tensorflow --batch 1 --rounds 30

The forms are those of `kerazoo.deploy.fusion.forms`: mixed kernels split or merged, grouped 1x1
convolutions by group or dense, both in parts, sums of depthwise convolutions as one, PReLU as a
maximum or as 1x1 depthwise convolutions, narrow average pools as convolutions; last, what `TARGETS`
there chooses for each runtime. Runtimes are those of `kerazoo benchmark`. All forms run
in turn within every round, so that what else the machine does meets all of them alike; the median
counts, and on a busy machine the fastest run tells more.
"""

import argparse
import math
import os
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def forms(id: str, size: int, groups: int) -> dict:
    """Name -> model."""
    import kerazoo
    from kerazoo.deploy.fusion.forms import TARGETS, Forms
    from kerazoo.deploy.fusion.fuse import _fuse

    model = kerazoo.create_model(id, weights=None, input_shape=(size, size, 3))
    found = {"as built": model}
    merged = {f"merged up to {most}x": most for most in (1.9, 2.1)}
    for name, most in {"split": 0, **merged, "merged": math.inf}.items():
        for dense in (1, groups):
            found[f"{name}, {'dense' if dense > 1 else 'groups'}"] = _fuse(
                model, Forms(most, dense)
            )
    found["split, groups, parts"] = _fuse(model, Forms(0, 1, parts=groups))
    summed = Forms(math.inf, 1, summed_branches=9)
    found["merged, groups, summed"] = _fuse(model, summed)
    convolved = Forms(0, 1, parts=groups, short_prelu="convolved")
    found["split, groups, parts, convolved PReLU"] = _fuse(model, convolved)
    for name, more in (
        ("short PReLU", {"short_prelu": True}),
        ("narrow groups dense", {"dense_narrow": 16}),
        ("pools as convolutions", {"convolved_pools": 4}),
    ):
        found[f"merged, groups, summed, {name}"] = _fuse(model, replace(summed, **more))
    for target, chosen in TARGETS.items():
        found[f"`{target}`"] = _fuse(model, chosen)
    return found


def runner(model, runtime: str, x) -> Callable:
    """A function that runs the model once on `x`: as `kerazoo benchmark` does, but not fused."""
    from kerazoo._machine import cores
    from kerazoo.benchmark.candidates import CANDIDATES

    chosen = replace(CANDIDATES[runtime], fused=False)
    with tempfile.TemporaryDirectory() as folder:
        run = chosen.load(chosen.prepare(model, Path(folder)), x.shape, cores())
        run(x)
    return lambda: run(x)


def measure(models: dict, runtime: str, batch: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of every run of every form."""
    import numpy as np

    from kerazoo.benchmark.timing import round_robin

    shape = (batch, *next(iter(models.values())).input_shape[1:])
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    runs = {name: runner(model, runtime, x) for name, model in models.items()}
    return round_robin(runs, rounds, repeats=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--runtime", default="tensorflow", help="as in `kerazoo benchmark`")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--groups", type=int, default=8, help="dense up to so many groups")
    given = parser.parse_args()
    print(f"{given.runtime}, {given.size} pixels, batch {given.batch}, {given.rounds} rounds\n")
    print("| network | form | median ms | fastest ms | against as built |\n|---|---|--:|--:|--:|")
    for id in given.models:
        models = forms(id, given.size, given.groups)
        times = measure(models, given.runtime, given.batch, given.rounds)
        base = statistics.median(times["as built"])
        for name, runs in times.items():
            middle = statistics.median(runs)
            cells = (f"{1000 * middle:.1f}", f"{1000 * min(runs):.1f}", f"{base / middle:.2f}x")
            print(f"| {id} | {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
