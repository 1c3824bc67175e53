"""How far long work is, and how long it will still take: told on stderr while it goes on."""

import datetime
import sys
import time
from typing import Any

EVERY = 30.0  # seconds between lines where there is no terminal


class Progress:
    """A bar on a terminal; elsewhere, as in a log file, a line every half minute.

    >>> with Progress(300, "picture", "evaluating") as progress:  # doctest: +SKIP
    ...     for done, picture in enumerate(pictures, start=1):
    ...         progress.at(done)
    evaluating: 120 of 300 pictures, 0:00:45 to go

    Args:
        total: All there is to do; 0 where `at` will tell.
        unit: Of what: `"picture"`, `"step"`.
        what: A word for the work, in front.
        first: How much was done before.
        show: False for nothing at all; True for a bar, whatever stderr is.
    """

    def __init__(
        self, total: int, unit: str, what: str = "", *, first: int = 0, show: bool | None = None
    ) -> None:
        self._total, self._unit, self._what, self._first = total, unit, what, first
        self._began = self._told = time.monotonic()
        bar = sys.stderr.isatty() if show is None else show
        self._lines = show is None and not bar
        self._bar: Any = None
        if bar:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, initial=first, desc=what or None, unit=unit, file=sys.stderr,
                leave=False,
            )  # fmt: skip

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def at(self, done: int, total: int | None = None, note: str = "") -> None:
        """Says that `done` of `total` is done.

        Args:
            done: What was done before included.
            total: Where it was not known.
            note: What else there is to say; the bar keeps showing it.
        """
        self._total = total or self._total
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.total = self._total
            self._bar.update(done - self._bar.n)
        elif self._lines and time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            print(self._line(done, note), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()

    def _line(self, done: int, note: str) -> str:
        words = f"{self._what}: " if self._what else ""
        words += f"{done} of {self._total} {self._unit}s"
        spent, part = time.monotonic() - self._began, done - self._first
        if part > 0 and done < self._total:
            words += f", {clock(spent / part * (self._total - done))} to go"
        return f"{words}, {note}" if note else words


def clock(seconds: float) -> str:
    """Hours, minutes and seconds: `"1:02:05"`."""
    return str(datetime.timedelta(seconds=round(seconds)))
