"""How a trained segmenter goes on learning: the recipe of fine-tuning."""

from typing import Any

PHASE = "1_all"
EPOCHS = {200: 60, 1000: 40}  # pictures up to which -> epochs
MOST_PICTURES = 20  # epochs of larger sets
BATCH = 8


def plan(pictures: int) -> dict[str, dict[str, Any]]:
    """See `Task.plan`."""
    epochs = next((count for most, count in EPOCHS.items() if pictures <= most), MOST_PICTURES)
    return {
        PHASE: {
            "epochs": epochs,
            "patience": max(8, epochs // 3),
            "batch_size": min(BATCH, pictures),
            "augmentation": {
                "crop": "random",
                "area": [0.3, 1.0],
                "ratio": [0.75, 1.8],
                "colour": 0.5,
            },
            "optimizer": {
                "name": "adamw",
                "learning_rate": 0.003,
                "weight_decay": 1e-4,
                "warmup_epochs": 1.0,
            },
        }
    }
