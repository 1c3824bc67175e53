"""Speed of ResNet-50 on CPU with ordinary, masked and frozen convolutions, as a Markdown table.

    python benchmarks/flgc_conv.py --size 224 --batch 1 --rounds 20

Groups are those of random scores: uneven, as in training. All networks run in turn within every
round, so that what else the machine does meets all of them alike; the median counts, and on a busy
machine the fastest run tells more.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")


def networks(size: int, groups: list[int], duplicate_top: int) -> dict:
    """(Form, groups) -> functional model of ResNet-50."""
    import kerazoo
    from kerazoo.deploy import freeze_groups

    shape = (size, size, 3)
    found = {("ordinary", 1): kerazoo.create_model("resnet50", weights=None, input_shape=shape)}
    for number in groups:
        masked = kerazoo.create_model(
            "flgc_resnet50",
            weights=None,
            input_shape=shape,
            groups=number,
            duplicate_top=duplicate_top,
        )
        found["masked", number] = masked
        found["frozen", number] = freeze_groups(masked, allow_untrained=True)
    return found


def measure(models: dict, size: int, batch: int, rounds: int) -> dict:
    """Seconds of every run of every model's graph, the first of each left out."""
    import numpy as np
    import tensorflow as tf

    x = tf.constant(np.random.default_rng(0).normal(size=(batch, size, size, 3)), tf.float32)
    graphs = {
        key: tf.function(lambda x, model=model: model(x, training=False))
        for key, model in models.items()
    }
    times: dict = {key: [] for key in graphs}
    for graph in graphs.values():
        for _ in range(2):
            graph(x).numpy()
    for _ in range(rounds):
        for key, graph in graphs.items():
            start = time.perf_counter()
            graph(x).numpy()
            times[key].append(time.perf_counter() - start)
    return times


def table(models: dict, times: dict) -> str:
    """One row a network: median and spread, multiply-adds, parameters."""
    import kerazoo

    ordinary = statistics.median(times["ordinary", 1])
    lines = [
        "| convolution | groups | multiply-adds, M | parameters, M | median, ms | speed-up "
        "| quartiles, ms | fastest, ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (form, groups), model in models.items():
        counted, runs = kerazoo.profile(model), times[form, groups]
        low, middle, high = (1e3 * q for q in statistics.quantiles(runs, n=4))
        lines.append(
            f"| {form} | {groups if form != 'ordinary' else '–'} | {counted.macs / 1e6:,.0f} "
            f"| {counted.params / 1e6:.1f} | {middle:.0f} "
            f"| {1e3 * ordinary / middle:.2f} | {low:.0f} to {high:.0f} | {1e3 * min(runs):.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=224, help="height and width of the picture")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--groups", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--duplicate-top", type=int, default=0)
    arguments = parser.parse_args()
    import keras

    keras.utils.set_random_seed(0)
    models = networks(arguments.size, arguments.groups, arguments.duplicate_top)
    times = measure(models, arguments.size, arguments.batch, arguments.rounds)
    print(f"{arguments.size} px, batch {arguments.batch}, {arguments.rounds} rounds\n")
    print(table(models, times))


if __name__ == "__main__":
    main()
