"""Photographs that are on the machine: those inside of scikit-image, where it is installed."""

import importlib.util
from pathlib import Path

# Inside of the package: none of these is ever downloaded.
PHOTOGRAPHS = (
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "motorcycle_left.png",
    "astronaut.png",
    "camera.png",
)


def photographs() -> list[Path]:
    """Their paths; none without scikit-image, which is not imported."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.submodule_search_locations is None:
        return []
    folder = Path(spec.submodule_search_locations[0]) / "data"
    return [path for name in PHOTOGRAPHS if (path := folder / name).is_file()]
