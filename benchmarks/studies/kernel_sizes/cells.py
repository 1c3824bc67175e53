"""The grid: two MobileNets, plain depthwise kernels against MixConv, two seeds."""

SEEDS = (1, 2)
NETWORKS = {
    "mobilenet_v1": {"model": "mobilenet_v1_025"},
    "mobilenet_v2": {"model": "mobilenet_v2", "arguments.alpha": 0.25},
}
LARGEST = (3, 5, 7, 9, 11, 13)

CELLS = [
    {
        "network": network,
        "kernels": kernels,
        "largest": largest,
        "seed": seed,
        "changes": {
            **changes,
            "seed": seed,
            "arguments.kernel_sizes": [*range(3, largest + 1, 2)]
            if kernels == "mixed"
            else largest,
        },
    }
    # A seed is finished before the next, and the ends of the axis come first: what a broken off
    # study has is worth most then.
    for seed in SEEDS
    for network, changes in NETWORKS.items()
    for largest in (3, 13, 7, 5, 9, 11)
    for kernels in ("plain", "mixed")
    if not (kernels == "mixed" and largest == 3)  # which is the plain one
]
