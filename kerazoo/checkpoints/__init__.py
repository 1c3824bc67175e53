"""The truth about weights: records, sources, readers and loading.

Listing records imports neither Keras nor TensorFlow.
"""

from kerazoo._face import face

# Public name -> module; imported on first use.
_PUBLIC = {
    "Checkpoint": "kerazoo.checkpoints.records",
    "all_checkpoints": "kerazoo.checkpoints.records",
    "checkpoints_for": "kerazoo.checkpoints.records",
    "get_checkpoint": "kerazoo.checkpoints.records",
    "default_checkpoint": "kerazoo.checkpoints.records",
    "Weights": "kerazoo.checkpoints.weights",
    "DownloadError": "kerazoo.checkpoints.fetch.checkpoint",
}
__getattr__, __dir__ = face(__name__, _PUBLIC)
