"""Fixtures that several folders share, and what holds for every test."""

import gc
import logging
import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # a core each: more threads would only wait for each other
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests import tiers
from tests.pictures import stand_ins
from tests.skips import (  # noqa: F401 (pytest finds its hooks here)
    pytest_collectreport,
    pytest_runtest_logreport,
    pytest_sessionfinish,
    pytest_terminal_summary,
)

# Real data that is too large or may not be redistributed.
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project; tests that need it skip without it.

    They are on the list `may_skip.toml`, and have the marker `shared`.
    """
    if not SHARED.is_dir():
        pytest.skip("needs ../shared")
    return SHARED


def pytest_collection_modifyitems(items):
    tiers.mark(items)
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")


def pytest_collection_finish():
    """What was imported lives until the end: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    """A TFDS folder with stand-ins for CIFAR-10 and ImageNet (`tests.pictures`)."""
    return stand_ins(tmp_path_factory.mktemp("tfds"))


@pytest.fixture(scope="module")
def tiny_net():
    """The id of a network of a few layers, which is registered while the module's tests run."""
    from tests.tiny import registered

    with registered() as name:
        yield name


@pytest.fixture(autouse=True)
def logging_as_python_has_it():
    """Some libraries that tests load raise the root logger's level, or disable other loggers."""
    logging.disable(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)
    for name, logger in logging.root.manager.loggerDict.items():
        if name.partition(".")[0] == "kerazoo" and isinstance(logger, logging.Logger):
            logger.disabled, logger.propagate = False, True
            logger.setLevel(logging.NOTSET)
