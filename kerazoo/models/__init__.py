"""Networks, one family a file."""

from kerazoo.models._model import ModelInfo, ZooModel

__all__ = ["ModelInfo", "ZooModel"]
