"""What an HDF5 file may ask of whoever walks it: groups once, and text no longer than the file.

HDF5 allocates as many bytes for a text of variable length as the file says that it has, up to four
gigabytes, and knows no way to ask before; and it looks for the text in a heap that it walks without
end where an object in it has no size. Both are read here beforehand: the length stands in the
header of the object that the attribute belongs to (HDF5 File Format Specification 3.0, IV.A), the
text in a collection of the global heap (III.E).
"""

import math
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from kerazoo._bounds import CONFIG_BYTES

_MOST_NAMES = 100_000
_CONTINUED, _ATTRIBUTE = 0x10, 0x0C  # kinds of messages in a header
_REFERENCE = struct.Struct("<IQI")  # length of a text, address of its heap, number within
_OBJECT = struct.Struct("<HHIQ")  # number, references, nothing, size


class Walk:
    """A file that is being read.

    Args:
        source: Its bytes.
        base: Where addresses count from (`h5py.File.userblock_size`).
    """

    def __init__(self, source: BinaryIO, base: int = 0) -> None:
        self._source, self._base = source, base
        self._size = source.seek(0, 2)
        self._seen: set[Any] = set()
        self._heaps: dict[int, dict[int, int]] = {}

    def once(self, group: Any) -> None:
        """Refuses a group that was walked before.

        Hard links make one group a member of many: of circles, or of ladders whose number of ways
        doubles with each rung.
        """
        import h5py

        info = h5py.h5o.get_info(group.id)
        if (info.fileno, info.addr) in self._seen:
            raise ValueError(f"the group {group.name[:100]!r} is there under two names")
        self._seen.add((info.fileno, info.addr))

    def attribute(self, owner: Any, name: str, default: Any = None) -> Any:
        """An attribute of a group or array, which is text or a list of texts.

        Raises:
            ValueError: It says that it is longer than all of the file, or than a configuration may
                be; it is a list of too many.
        """
        import h5py

        if name not in owner.attrs:
            return default
        id = owner.attrs.get_id(name)
        count = 0 if id.shape is None else math.prod(id.shape)
        if count > _MOST_NAMES:
            raise ValueError(f"more than {_MOST_NAMES:,} {name}")
        if not count:  # of no type in particular
            return []
        kind = id.get_type()
        if not isinstance(kind, h5py.h5t.TypeStringID):
            raise ValueError(f"the attribute {name!r} is no text")
        if not kind.is_variable_str():
            length = count * kind.get_size()
        elif (data := self._data(h5py.h5o.get_info(owner.id).addr, name.encode())) is None:
            raise ValueError(f"the attribute {name!r} lies where it is not looked for")
        else:
            whole = data[: count * _REFERENCE.size]
            length = sum(self._text_length(*each) for each in _REFERENCE.iter_unpack(whole))
        if length > min(self._size, CONFIG_BYTES.value):
            raise ValueError(f"the attribute {name!r} would have {length:,} bytes")
        return owner.attrs[name]

    def _text_length(self, length: int, address: int, number: int) -> int:
        if length == 0:
            return 0
        if address not in self._heaps:
            self._heaps[address] = self._heap(address)
        if length > self._heaps[address].get(number, 0):
            raise ValueError(f"a text of {length:,} bytes that are not there")
        return length

    def _heap(self, address: int) -> dict[int, int]:
        """Sizes of the objects in a collection of the global heap, by number."""
        start = self._read(address, 16)
        version, (size,) = start[4:5], struct.unpack_from("<Q", start, 8)
        if start[:4] != b"GCOL" or version != b"\1" or size > self._size:
            raise ValueError("a text where no heap is")
        block, at, found = self._read(address, size), 16, {}
        while at + _OBJECT.size <= len(block):
            number, _, _, size = _OBJECT.unpack_from(block, at)
            # Number 0 is the room that is left, whose size counts its own head.
            step = size if number == 0 else _OBJECT.size + -(-size // 8) * 8
            if not 0 < step <= len(block) - at:
                raise ValueError("a heap whose objects do not fit it")
            found[number] = size
            at += step
        return found

    def _data(self, address: int, name: bytes) -> bytes | None:
        """What an attribute holds, as it is stored; None where it is not in the header."""
        for kind, body in self._messages(address):
            if kind == _ATTRIBUTE and len(body) > 9:
                found, data = _attribute(body)
                if found == name:
                    return data
        return None

    def _messages(self, address: int) -> Iterator[tuple[int, bytes]]:
        """Kind and content of all messages in the header of an object."""
        start = self._read(address, 34)
        if start[:4] == b"OHDR":
            flags = start[5]
            at = 6 + 16 * bool(flags & 0x20) + 4 * bool(flags & 0x10)
            width = 1 << (flags & 3)
            length = int.from_bytes(start[at : at + width], "little")
            blocks, head = [(address + at + width, length, 0)], (4 if not flags & 4 else 6)
        else:
            (length,) = struct.unpack_from("<I", start, 8)
            blocks, head = [(address + 16, length, 0)], 8
        read = 0
        while blocks:
            place, length, skip = blocks.pop(0)
            read += length
            if read > self._size:  # blocks that name each other
                raise ValueError("a header without end")
            block = self._read(place + skip, length - 2 * skip)  # its signature and sum
            at = 0
            while at + head <= len(block):
                if head == 8:
                    kind, size = struct.unpack_from("<HH", block, at)
                else:
                    kind, size = struct.unpack_from("<BH", block, at)
                body = block[at + head : at + head + size]
                if kind == _CONTINUED and len(body) >= 16:
                    where, many = struct.unpack_from("<QQ", body)
                    blocks.append((where, many, 4 * (head != 8)))
                yield kind, body
                at += head + size

    def _read(self, address: int, length: int) -> bytes:
        if length < 0 or self._base + address + length > self._size + 34:
            raise ValueError("a header that reaches beyond the file")
        self._source.seek(self._base + address)
        return self._source.read(length)


def _attribute(body: bytes) -> tuple[bytes, bytes]:
    """Name and data of an attribute's message."""
    version, _, *sizes = struct.unpack_from("<BBHHH", body)
    at = 8 + (version == 3)
    places = []
    for size in sizes:  # of the name, the type and the shape; padded in the first version
        places.append(at)
        at += size if version > 1 else -(-size // 8) * 8
    name = body[places[0] : places[0] + sizes[0]].rstrip(b"\0")
    return name, body[at:]
