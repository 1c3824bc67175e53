# Gradio wants an older Pillow than the environment of the tests has: it is not installed there.
from typing import Any

def __getattr__(name: str) -> Any: ...
