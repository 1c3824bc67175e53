"""Fixtures of the tests of training."""

import pytest


@pytest.fixture
def untraced(monkeypatch):
    """Runs compute step by step: a few steps take less time than the graph of one is traced in.

    What a step computes is shown by the other runs of `test_run.py`, which are traced.
    """
    from kerazoo.training.run import Run

    compiled = Run.compile

    def compile(run) -> None:
        compiled(run)
        run.model.run_eagerly = True

    monkeypatch.setattr(Run, "compile", compile)
