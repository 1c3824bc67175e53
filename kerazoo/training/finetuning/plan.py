"""What fine-tuning does where nobody says: one table, by how many pictures there are.

The rows follow what is usual for such sets; `benchmarks/finetune.py` measures what they give. That
of 2,000 pictures alone was looked at on held-out pictures (CIFAR-10), none on test pictures.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """How all layers learn from a set of a certain size, after the probe.

    Attributes:
        pictures: The row is for sets of up to so many training pictures.
        epochs: At most: it ends early where the held-out pictures no longer gain.
        patience: Epochs that it waits for a better one.
        rate: At the top of a cosine, after `WARMUP` epochs.
        decay: Weight decay of AdamW.
        area: Least share of a picture that a random crop keeps.
        smoothing: Share of the target that is spread over all classes.
        average: Momentum of the average of the weights that is kept.
    """

    pictures: float
    epochs: int
    patience: int
    rate: float
    decay: float
    area: float
    smoothing: float
    average: float


TABLE = (
    #   pictures  epochs patience  rate  decay  area smoothing average
    Row(500,        10,     4,     2e-4,  0.05, 0.5,   0.1,     0.95),
    Row(2_000,      10,     4,     3e-4,  0.05, 0.5,   0.1,     0.98),
    Row(10_000,      8,     3,     3e-4,  0.05, 0.35,  0.1,     0.99),
    Row(50_000,      4,     2,     3e-4,  0.05, 0.35,  0.1,     0.999),
    Row(float("inf"), 2,    2,     3e-4,  0.02, 0.35,  0.1,     0.999),
)  # fmt: skip
WARMUP = 1.0
BATCH = 32
# With fewer pictures of a class on average, all layers learn the pictures by heart: the probe is
# what there is.
FEW = 10
# With fewer, the tenth that is held out is too small for its accuracy to choose between epochs: of
# a hundred pictures chance moves it by four points. The loss falls while it goes up and down.
BY_LOSS = 10_000
# Where features are not stored, the probe learns in steps.
STEPS_EPOCHS, STEPS_RATE = 5, 1e-3


def row_for(pictures: int) -> Row:
    """The row of the table for so many training pictures."""
    return next(row for row in TABLE if pictures <= row.pictures)


def unfreeze_epochs(pictures: int, classes: int) -> int:
    """Epochs of all layers for so many training pictures; 0 where they are too few."""
    return row_for(pictures).epochs if pictures >= FEW * classes else 0


def batch_size(pictures: int) -> int:
    """`BATCH`, or all training pictures where they are fewer."""
    return min(BATCH, pictures)


def unfrozen(pictures: int, epochs: int) -> dict[str, Any]:
    """Keys of a recipe for so many epochs of all layers."""
    row = row_for(pictures)
    return {
        "epochs": epochs,
        "patience": row.patience,
        "best_by": "loss" if pictures < BY_LOSS else "figure",
        "augmentation": {"crop": "random", "area": [row.area, 1.0]},
        "optimizer": {
            "name": "adamw",
            "learning_rate": row.rate,
            "weight_decay": row.decay,
            "warmup_epochs": min(WARMUP, epochs / 4),
            "label_smoothing": row.smoothing,
            "ema": row.average,
        },
    }
