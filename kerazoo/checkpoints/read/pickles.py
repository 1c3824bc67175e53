"""A pickle machine that builds plain values and what it is given names for, and nothing else.

Python's own unpickler takes any opcode. Among these are some that a few bytes of make the memory
full (memo indices of four billion) or keep the processor busy for years (keys that are tuples of
tuples of ..., which double with each level when they are hashed). This one knows the opcodes that
`torch.save` writes, on any version of Python; keys are names and small numbers.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

# A state dict of 1,000 tensors has some 40,000 opcodes and 200 kB.
MOST_BYTES = 2**24
MOST_OPCODES = 2_000_000
_LARGEST_KEY = 2**31  # numbers beyond could be chosen so that all of them collide


class UnsafePickleError(ValueError):
    """The file asks for something that reading weights never needs; nothing was executed."""


class Builder(NamedTuple):
    """Something that a pickle may call, by name: what it then builds."""

    call: Callable[..., Any]


class PlainDict(dict):
    """Stands in for dict and OrderedDict. torch attaches version numbers (`_metadata`): dropped."""

    __slots__ = ()

    def set(self, key: Any, value: Any) -> None:
        """An entry, whose key must be of a kind that costs nothing to look up."""
        plain = isinstance(key, str) or key is None
        if not plain and not (isinstance(key, int) and -_LARGEST_KEY <= key < _LARGEST_KEY):
            raise ValueError(f"a key of kind {type(key).__name__}")
        self[key] = value

    @classmethod
    def of_pairs(cls, pairs: Any = ()) -> "PlainDict":
        """What `OrderedDict(pairs)` is; Python 2 wrote it so."""
        if not isinstance(pairs, list | tuple):
            raise ValueError("an OrderedDict that is not made of pairs")
        result = cls()
        for pair in pairs:
            key, value = pair
            result.set(key, value)
        return result


class Machine:
    """Runs one pickle.

    Args:
        data: Bytes in which it begins at `at`.
        names: Values of globals by module and name; a `Builder` may be called.
        persistent: Makes a value of a persistent id.
        at: Where it begins; afterwards where it ended.
    """

    def __init__(
        self,
        data: bytes,
        names: Mapping[tuple[str, str], Any],
        persistent: Callable[[Any], Any],
        at: int = 0,
    ) -> None:
        self.at = at
        self._data, self._names, self._persistent = data, names, persistent
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def load(self) -> Any:
        """The value.

        Raises:
            UnsafePickleError: It names a global that it was not given.
            ValueError: An opcode or a value that a state dict does not have, or too many.
            Exception: Any other where it is broken (`IndexError`, `struct.error`, ...).
        """
        data, operations = self._data, _OPERATIONS
        for _ in range(MOST_OPCODES):
            opcode = data[self.at]
            self.at += 1
            if opcode == 0x2E:  # STOP
                return self._stack.pop()
            try:
                operation = operations[opcode]
            except KeyError:
                raise ValueError(f"opcode {opcode:#04x}, which state dicts do not have") from None
            operation(self)
        raise ValueError(f"more than {MOST_OPCODES:,} opcodes")

    def _take(self, count: int) -> bytes:
        found = self._data[self.at : self.at + count]
        if len(found) < count:
            raise ValueError("its pickle is cut off")
        self.at += count
        return found

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _since_mark(self) -> list[Any]:
        mark = self._marks.pop()
        found = self._stack[mark:]
        del self._stack[mark:]
        return found

    def _line(self) -> str:
        end = self._data.index(b"\n", self.at)
        line = self._data[self.at : end].decode("utf-8")
        self.at = end + 1
        return line

    def _tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise ValueError("its pickle takes more than there is")
        found = tuple(self._stack[len(self._stack) - count :])
        del self._stack[len(self._stack) - count :]
        self._stack.append(found)

    def _global(self, module: str, name: str) -> None:
        try:
            self._stack.append(self._names[module, name])
        except KeyError:
            shown = f"{module}.{name}"[:200]
            raise UnsafePickleError(
                f"refused to load the global `{shown}`: a state dict holds tensors and "
                "nothing else. Nothing was executed"
            ) from None

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(module) is not str or type(name) is not str:
            raise ValueError("a global whose name is no text")
        self._global(module, name)

    def _reduce(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if type(function) is not Builder or type(arguments) is not tuple:
            raise ValueError(f"a call of a {type(function).__name__}")
        self._stack.append(function.call(*arguments))

    def _build(self) -> None:
        self._stack.pop()  # attributes of a dict: dropped
        if not isinstance(self._stack[-1], PlainDict):
            raise ValueError(f"attributes of a {type(self._stack[-1]).__name__}")

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, PlainDict) or len(items) % 2:
            raise ValueError(f"entries of a {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target.set(key, value)

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise ValueError(f"items of a {type(target).__name__}")
        target.extend(items)

    def _remember(self, index: int | None = None) -> None:
        # A dict, not an array: an index of four billion takes no more room than any other.
        self._memo[len(self._memo) if index is None else index] = self._stack[-1]


def _pushing(make: Callable[[Machine], Any]) -> Callable[[Machine], None]:
    return lambda m: m._stack.append(make(m))


def _text(form: str) -> Callable[[Machine], None]:
    return _pushing(lambda m: m._take(m._number(form)).decode("utf-8", "surrogatepass"))


def _raw(form: str) -> Callable[[Machine], None]:
    return _pushing(lambda m: m._take(m._number(form)))


def _long(form: str) -> Callable[[Machine], None]:
    return _pushing(lambda m: int.from_bytes(m._take(m._number(form)), "little", signed=True))


_OPERATIONS: dict[int, Callable[[Machine], Any]] = {
    ord(code): operation
    for code, operation in {
        "\x80": lambda m: m._take(1),  # PROTO
        "\x95": lambda m: m._take(8),  # FRAME
        "(": lambda m: m._marks.append(len(m._stack)),
        "N": _pushing(lambda m: None),
        "\x88": _pushing(lambda m: True),
        "\x89": _pushing(lambda m: False),
        "K": _pushing(lambda m: m._number("<B")),
        "M": _pushing(lambda m: m._number("<H")),
        "J": _pushing(lambda m: m._number("<i")),
        "\x8a": _long("<B"),
        "\x8b": _long("<I"),
        "G": _pushing(lambda m: m._number(">d")),
        "X": _text("<I"),
        "\x8c": _text("<B"),
        "\x8d": _text("<Q"),
        "U": _text("<B"),  # Python 2's str
        "T": _text("<I"),
        "C": _raw("<B"),
        "B": _raw("<I"),
        "]": _pushing(lambda m: []),
        "}": _pushing(lambda m: PlainDict()),
        ")": _pushing(lambda m: ()),
        "t": _pushing(lambda m: tuple(m._since_mark())),
        "\x85": lambda m: m._tuple(1),
        "\x86": lambda m: m._tuple(2),
        "\x87": lambda m: m._tuple(3),
        "a": lambda m: m._append([m._stack.pop()]),
        "e": lambda m: m._append(m._since_mark()),
        "s": lambda m: m._set_items([*reversed((m._stack.pop(), m._stack.pop()))]),
        "u": lambda m: m._set_items(m._since_mark()),
        "q": lambda m: m._remember(m._number("<B")),
        "r": lambda m: m._remember(m._number("<I")),
        "\x94": lambda m: m._remember(),
        "h": _pushing(lambda m: m._memo[m._number("<B")]),
        "j": _pushing(lambda m: m._memo[m._number("<I")]),
        "c": lambda m: m._global(m._line(), m._line()),
        "\x93": lambda m: m._stack_global(),
        "R": lambda m: m._reduce(),
        "b": lambda m: m._build(),
        "Q": _pushing(lambda m: m._persistent(m._stack.pop())),
    }.items()
}
