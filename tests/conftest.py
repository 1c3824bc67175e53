"""Shared fixtures: real data beside the project, and a cache of weights of the tests' own."""

from pathlib import Path

import pytest

from tests.models.parity import SHARED


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the project; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (real data that is not part of the project)")
    return SHARED
