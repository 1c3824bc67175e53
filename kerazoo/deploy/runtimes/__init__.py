"""What runs exported networks, one runtime a module: functions from a batch to outputs by name.

Opening a file takes the file's own runtime alone: Keras is imported for `.keras` files only.
"""

from kerazoo.deploy.runtimes._call import RAW
from kerazoo.deploy.runtimes.open import OPENERS, open_runtime

__all__ = ["OPENERS", "RAW", "open_runtime"]
