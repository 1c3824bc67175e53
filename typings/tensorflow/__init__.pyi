# In place of the stubs that come with type checkers: those are of TensorFlow 2.18, and incomplete.
from typing import Any

def __getattr__(name: str) -> Any: ...
