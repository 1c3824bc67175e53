"""How a detector goes on learning where nobody says: one table, by how many pictures there are.

A trained detector starts whole. Its boxes are of use from the first step, its class predictors are
new but for classes of the same name: so all layers learn together. The rows follow what is usual;
that of 500 pictures was looked at on BCCD's validation split.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """How detectors learn from a set of a certain size.

    Attributes:
        pictures: The row is for sets of up to so many training pictures.
        epochs: At most.
        patience: Epochs to wait for a better validation.
        batch: Pictures in one.
        rate: At the top of a cosine.
        zoom_out: Probability; small things learn slowly, and of few pictures there is no time.
        average: Momentum of the average of the weights that is kept.
    """

    pictures: float
    epochs: int
    patience: int
    batch: int
    rate: float
    zoom_out: float
    average: float


TABLE = (
    #   pictures  epochs patience batch rate zoom_out average
    Row(100,        60,    15,     8,  5e-4,  0.0,  0.98),
    Row(500,        40,    12,     8,  1e-3,  0.0,  0.99),
    Row(2_000,      25,     8,    16,  1e-3,  0.2,  0.99),
    Row(10_000,     12,     5,    16,  1e-3,  0.3,  0.998),
    Row(50_000,      6,     3,    32,  1e-3,  0.5,  0.999),
    Row(float("inf"), 3,    3,    32,  1e-3,  0.5,  0.999),
)  # fmt: skip
WARMUP = 1.0
PHASE = "1_all"


def plan(pictures: int) -> dict[str, dict[str, Any]]:
    """See `Task.plan`."""
    row = next(row for row in TABLE if pictures <= row.pictures)
    keys = {
        "epochs": row.epochs,
        "patience": row.patience,
        "batch_size": min(row.batch, pictures),
        "augmentation": {
            "crop": "objects",
            "area": [0.3, 1.0],
            "ratio": [0.67, 1.5],
            "colour": 0.5,
            "zoom_out": row.zoom_out,
        },
        "optimizer": {
            "name": "adamw",
            "learning_rate": row.rate,
            "weight_decay": 0.02,
            "warmup_epochs": WARMUP,
            "ema": row.average,
            "global_clipnorm": 10.0,
        },
    }
    return {PHASE: keys}
