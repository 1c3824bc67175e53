"""Pictures and their targets: sources, decoding, augmentation, batches. All with tf.data."""

from kerazoo._face import face

# Public name -> module; imported on first use, for most of them import TensorFlow.
_PUBLIC = {
    "open_source": "kerazoo.data.open",
    "tfds_source": "kerazoo.data.tfds",
    "folder_source": "kerazoo.data.folder",
    "boxes_source": "kerazoo.data.boxes.folders",
    "masks_source": "kerazoo.data.masks.source",
    "csv_source": "kerazoo.data.csv_file",
    "array_source": "kerazoo.data.arrays",
    "Source": "kerazoo.data.source",
    "training_data": "kerazoo.data.pipeline",
    "evaluation_batches": "kerazoo.data.pipeline",
    "TrainingData": "kerazoo.data.pipeline",
    "Augmentation": "kerazoo.data.augmentation",
    "find_corrupt": "kerazoo.data.corrupt",
}
__getattr__, __dir__ = face(__name__, _PUBLIC)
