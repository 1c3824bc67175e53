"""A network and pictures in every form that can be scored, for the tests of this folder."""

import dataclasses
import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

import kerazoo

COUNT = 22
CORRUPT = ("05.png", "17.png")  # one is empty, the other is cut short


def make(folder: Path, network: str) -> Path:
    """Fills a folder; gives it back."""
    import pyarrow
    from pyarrow.parquet import write_table

    model = kerazoo.create_model(network, weights=None, classes=10)
    model.info = dataclasses.replace(
        model.info, preprocessing=kerazoo.Preprocessing((32, 32)), labels="cifar10"
    )
    model.save(folder / "net.keras")
    (folder / "pictures").mkdir()
    draw = np.random.default_rng(0)
    contents = {}
    for number in range(COUNT):
        name = f"{number:02d}.png"
        pixels = draw.integers(0, 256, (20 + number, 30, 3), "uint8")
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        content = buffer.getvalue()
        if name in CORRUPT:
            content = content[: len(content) // 2] if name == CORRUPT[1] else b""
        contents[name] = content
        (folder / "pictures" / name).write_bytes(content)
    paths = [f"pictures/{name}" for name in contents]
    (folder / "list.txt").write_text("".join(f"{path}\n" for path in paths))
    numbers = list(range(COUNT))
    images = [{"bytes": b, "path": p} for p, b in zip(paths, contents.values(), strict=True)]
    tables = {
        "paths": {"path": paths},
        "bytes": {"bytes": list(contents.values()), "file_name": paths, "number": numbers},
        "structs": {"image": images},
    }
    for name, table in tables.items():
        write_table(pyarrow.table(table), folder / f"{name}.parquet", row_group_size=7)
    with tarfile.open(folder / "all.tar", "w") as file:
        for name, content in contents.items():
            for member, data in ((name, content), (name.replace(".png", ".json"), b"{}")):
                info = tarfile.TarInfo(member)
                info.size = len(data)
                file.addfile(info, io.BytesIO(data))
    for inside, name in (("tars", "all.tar"), ("rows", "bytes.parquet")):
        (folder / inside).mkdir()
        (folder / inside / name).write_bytes((folder / name).read_bytes())
    return folder
