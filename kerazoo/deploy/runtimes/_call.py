"""What all runtimes have in common: a call with a batch that gives outputs by name."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from kerazoo._errors import reason_of

Shape = tuple[int, ...]

RAW = "raw"  # the signature of files with several that gives the network's outputs as they are

Outputs = dict[str, np.ndarray]


class OptionError(ValueError):
    """Options that a runtime cannot take, whatever the file."""


def by_name(call: Callable[[Any, np.ndarray], Outputs]) -> Callable[[Any, np.ndarray], Outputs]:
    """A runtime's `__call__`, whose errors name the file: some damages are met when it runs."""

    @functools.wraps(call)
    def run(self: Any, array: np.ndarray) -> Outputs:
        try:
            return call(self, array)
        except ValueError:
            raise
        except Exception as error:  # each runtime has kinds of its own
            raise ValueError(f"`{self.path}` cannot be run: {reason_of(error)}") from error

    return run
