"""Digests of files: the kinds that publishers of weights print, and how to check each."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from kerazoo._errors import invalid, unknown
from kerazoo._fields import Record, field
from kerazoo._rules import choice, text

# Hex digits of each kind; a prefix is what torch.hub writes into its file names.
_LENGTHS = {
    "sha256": (64, 64),
    "sha256_prefix": (8, 64),
    "md5": (32, 32),
    "git_blob_sha1": (40, 40),
}


@dataclass(frozen=True)
class Digest(Record):
    """One digest of a file.

    Args:
        kind: `"sha256"`, `"sha256_prefix"` (first digits of it, at least 8), `"md5"` or
            `"git_blob_sha1"` (what `git hash-object` prints).
        value: Lower-case hexadecimal digits.
    """

    kind: str = field(choice(*_LENGTHS))
    value: str = field(text())

    def check_together(self) -> None:
        low, high = _LENGTHS[self.kind]
        value = self.value
        hexadecimal = set(value) <= set("0123456789abcdef")
        if not hexadecimal or not low <= len(value) <= high:
            digits = f"{low}" if low == high else f"{low} to {high}"
            raise invalid("value", value, f"{digits} lower-case hexadecimal digits ({self.kind})")

    def of(self, path: Path) -> str:
        """This kind of digest of the file at `path`, as many digits as `value` has."""
        return file_digest(path, self.kind)[: len(self.value)]

    def of_open(self, file: BinaryIO) -> str:
        """The same of an open file, wherever it stands."""
        return _digest(file, self.kind)[: len(self.value)]

    def matches(self, path: Path) -> bool:
        """Whether the file at `path` has this digest."""
        return self.of(path) == self.value

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


def file_digest(path: Path, kind: str = "sha256") -> str:
    """Hexadecimal digest of a file, read in pieces; kinds as in `Digest`."""
    if kind not in _LENGTHS:
        raise unknown("kind", kind, _LENGTHS)
    with open(path, "rb") as file:
        return _digest(file, kind)


def _digest(file: BinaryIO, kind: str) -> str:
    # None of these guards a secret: a FIPS build of Python may refuse md5 and sha1 otherwise.
    algorithm = {"md5": "md5", "git_blob_sha1": "sha1"}.get(kind, "sha256")
    state = hashlib.new(algorithm, usedforsecurity=False)
    if kind == "git_blob_sha1":
        state.update(f"blob {file.seek(0, 2)}\0".encode())
    file.seek(0)
    while piece := file.read(1 << 20):
        state.update(piece)
    return state.hexdigest()


def first_mismatch(path: Path, digests: Iterable[Digest]) -> Digest | None:
    """The first digest that the file at `path` does not have, or None when it has them all."""
    return next((digest for digest in digests if not digest.matches(path)), None)
