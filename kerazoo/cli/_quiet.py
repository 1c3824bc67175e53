"""Loading Keras without the chatter of its backend."""

import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any


def import_keras(*others: str, first: Callable[[], None] | None = None) -> None:
    """Imports Keras, its backend and `others`, which print nothing on stderr unless they fail.

    `first` is called with Keras at hand, before its backend looks for devices.

    TensorFlow logs through a library that takes no notice of TF_CPP_MIN_LOG_LEVEL before it is
    initialised, in several lines that bury our own messages.
    """
    # oneDNN reports as an error which types it leaves to TensorFlow; what fails is raised anyway.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    use_onednn()
    with _held_back():
        import keras
    if first is not None:
        first()
    with _held_back():
        keras.ops.zeros(1)  # the backend looks for devices at its first tensor, and logs again
        for name in others:
            importlib.import_module(name)


@contextlib.contextmanager
def native_held_back() -> Iterator[None]:
    """As `_held_back`, but what Python writes to stderr, our own words and bars, passes."""
    before = sys.stderr
    with contextlib.ExitStack() as stack:
        if _is_stderr(before):
            passing = os.fdopen(os.dup(2), "w", encoding=before.encoding, errors=before.errors)
            sys.stderr = stack.enter_context(passing)
            sys.stderr.reconfigure(line_buffering=True)
        try:
            with _held_back():
                yield
        finally:
            sys.stderr = before


def _is_stderr(stream: Any) -> bool:
    """Whether a text stream writes to the process's own stderr; a test may have put in another."""
    try:
        return stream.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return False


def use_onednn() -> None:
    """Lets TensorFlow use oneDNN on every processor, if it is not imported yet.

    By itself it does so only where there are instructions for networks (VNNI, AMX, …);
    `benchmarks/onednn.py` measures what that costs on other processors.
    """
    if "tensorflow" not in sys.modules:  # else it would change our children alone
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Holds back what native code writes to stderr, and shows it only if there is an error."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except KeyboardInterrupt:  # which the command tells itself
            raise
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
