"""Networks, one family a file."""

import kerazoo.layers  # noqa: F401 - registers the classes that saved models name
from kerazoo.models._constructor import constructor
from kerazoo.models._model import ModelInfo, ZooModel

__all__ = ["ModelInfo", "ZooModel", "constructor"]
