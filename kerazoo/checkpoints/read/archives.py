"""What files that are zip archives have in common: what unpacking them may take."""

import zipfile
from typing import BinaryIO

from kerazoo._bounds import check_unpacked

_KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """An archive, all of whose entries together become no more than a file of its size may.

    Raises:
        ValueError: More than that; an entry is there twice, or packed by a method that neither
            Keras nor NumPy uses.
        zipfile.BadZipFile: It is none.
    """
    size = file.seek(0, 2)
    file.seek(0)
    archive = zipfile.ZipFile(file)
    entries = archive.infolist()
    check_unpacked(sum(entry.file_size for entry in entries), size)
    names = {entry.filename for entry in entries}
    if len(names) < len(entries):
        raise ValueError("an entry is there twice")
    if any(entry.compress_type not in _KNOWN for entry in entries):
        raise ValueError("an entry is packed by an unknown method")
    return archive


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """The entry's bytes, as many as the directory says.

    `ZipFile.read` unpacks all that is there before it counts.
    """
    with archive.open(entry) as member:
        return member.read(entry.file_size)
