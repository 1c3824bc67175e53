# Written by `make catalogue`.
from kerazoo.data.arrays import array_source as array_source
from kerazoo.data.augmentation import Augmentation as Augmentation
from kerazoo.data.boxes.folders import boxes_source as boxes_source
from kerazoo.data.corrupt import find_corrupt as find_corrupt
from kerazoo.data.csv_file import csv_source as csv_source
from kerazoo.data.folder import folder_source as folder_source
from kerazoo.data.masks.source import masks_source as masks_source
from kerazoo.data.open import open_source as open_source
from kerazoo.data.pipeline import TrainingData as TrainingData
from kerazoo.data.pipeline import evaluation_batches as evaluation_batches
from kerazoo.data.pipeline import training_data as training_data
from kerazoo.data.source import Source as Source
from kerazoo.data.tfds import tfds_source as tfds_source
