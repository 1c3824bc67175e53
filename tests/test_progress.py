"""How far long work is, where there is no terminal."""

import pytest

from kerazoo import _progress
from kerazoo._progress import Progress, clock


@pytest.fixture
def passes(monkeypatch):
    """Lets time pass."""
    now = [100.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])

    def later(seconds):
        now[0] += seconds

    return later


def test_a_line_every_half_minute_with_the_time_to_go(passes, capsys):
    with Progress(300, "picture", "evaluating", first=100) as progress:
        passes(20)
        progress.at(110)
        assert capsys.readouterr().err == ""
        passes(20)
        progress.at(120)
        assert capsys.readouterr().err == "evaluating: 120 of 300 pictures, 0:06:00 to go\n"
        passes(5)
        progress.at(125, note="loss 0.5")
        assert capsys.readouterr().err == ""
        passes(35)
        progress.at(300, 300, note="loss 0.5")
        assert capsys.readouterr().err == "evaluating: 300 of 300 pictures, loss 0.5\n"


def test_nothing_where_nothing_is_wanted(passes, capsys):
    with Progress(3, "step", show=False) as progress:
        passes(99)
        progress.at(1)
    assert capsys.readouterr().err == ""


def test_a_bar_where_it_is_insisted_on(capsys):
    with Progress(3, "step", "epoch 1/2", show=True) as progress:
        progress.at(2, note="loss 0.5")
        progress.at(3)
    assert "epoch 1/2" in capsys.readouterr().err


def test_clock():
    assert clock(3725.4) == "1:02:05"
