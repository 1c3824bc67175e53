# Written by `make catalogue`.
from kerazoo.checkpoints.fetch.checkpoint import DownloadError as DownloadError
from kerazoo.checkpoints.records import Checkpoint as Checkpoint
from kerazoo.checkpoints.records import all_checkpoints as all_checkpoints
from kerazoo.checkpoints.records import checkpoints_for as checkpoints_for
from kerazoo.checkpoints.records import default_checkpoint as default_checkpoint
from kerazoo.checkpoints.records import get_checkpoint as get_checkpoint
from kerazoo.checkpoints.weights import Weights as Weights
