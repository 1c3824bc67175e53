"""Which mask belongs to which picture: list files, Pascal VOC's folders, folders side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kerazoo._errors import invalid
from kerazoo._files import read_utf8
from kerazoo.picture_lists import pictures_under

Pairs = list[tuple[Path, Path]]  # picture and mask
CLASSES = "classes.txt"
PICTURES = ("JPEGImages", "images", "img", "imgs", "pictures")
MASKS = ("SegmentationClass", "masks", "labels", "annotations", "annot", "trimaps")
VOC_LISTS = ("ImageSets/Segmentation", "ImageSets/Main")
SUFFIX = "annot"  # of SegNet's folders: `train` and `trainannot`
ALL = "all"


@dataclass(frozen=True)
class MaskedSet:
    """A folder of pictures with masks.

    Attributes:
        layout: What it is called, for messages.
        splits: Name -> what lists the pairs.
    """

    layout: str
    splits: dict[str, Callable[[], Pairs]]


def find_masks(folder: Path) -> MaskedSet | None:
    """How a folder holds pictures with masks; None where it does not.

    Folders of pictures and masks side by side without splits are left to `find_side_by_side`:
    `images` and `annotations` may also be COCO's.
    """
    if not folder.is_dir():
        return None
    for find in (_lists, _voc, _split_folders):
        if found := find(folder):
            return found
    return None


def _lists(folder: Path) -> MaskedSet | None:
    """`<split>.txt` with a picture and its mask a line, as SegNet's CamVid has them."""
    files = [file for file in sorted(folder.glob("*.txt")) if _is_list(file)]
    if not files:
        return None
    return MaskedSet("list files", {file.stem: _reader(_read_list, file) for file in files})


def _is_list(file: Path) -> bool:
    if not file.is_file():  # a pipe would be waited for
        return False
    with file.open(encoding="utf-8", errors="replace") as lines:
        first = lines.readline(10_000).split()
    return len(first) == 2 and all(Path(part).suffix for part in first)


def _read_list(file: Path) -> Pairs:
    pairs = []
    for number, line in enumerate(read_utf8(file).splitlines(), 1):
        if not line.strip():
            continue
        parts = line.split()
        if len(parts) != 2:
            raise invalid("data", f"{file}, line {number}", "a picture and a mask, with a space")
        pairs.append((file.parent / parts[0], file.parent / parts[1]))
    return pairs


def _voc(folder: Path) -> MaskedSet | None:
    """`JPEGImages`, masks beside them, and lists of names in `ImageSets`."""
    pictures, masks = folder / PICTURES[0], _first(folder, MASKS)
    lists = _first(folder, VOC_LISTS)
    if masks is None or lists is None or not pictures.is_dir():
        return None
    files = [f for f in sorted(lists.glob("*.txt")) if "_" not in f.stem]  # those of single classes
    splits = {file.stem: _reader(_read_names, file, pictures, masks) for file in files}
    return MaskedSet("Pascal VOC", splits) if splits else None


def _read_names(file: Path, pictures: Path, masks: Path) -> Pairs:
    known = {path.stem: path for path in pictures_under(pictures)[0]}
    pairs = []
    for name in read_utf8(file).split():
        if name not in known:
            raise invalid("data", str(file), f"of pictures in {pictures.name}; {name} is not there")
        pairs.append((known[name], masks / f"{name}.png"))
    return pairs


def _split_folders(folder: Path) -> MaskedSet | None:
    """`train` and `trainannot`; `train/images` and `train/masks`; `images/train`, `masks/train`."""
    splits = {}
    for each in sorted(path for path in folder.iterdir() if path.is_dir()):
        beside = folder / f"{each.name}{SUFFIX}"
        pictures, masks = _first(each, PICTURES), _first(each, MASKS)
        if beside.is_dir():
            splits[each.name] = _reader(_side_by_side, each, beside)
        elif pictures is not None and masks is not None:
            splits[each.name] = _reader(_side_by_side, pictures, masks)
    pictures, masks = _first(folder, PICTURES), _first(folder, MASKS)
    if not splits and pictures is not None and masks is not None:
        for each in sorted(path for path in pictures.iterdir() if path.is_dir()):
            if (masks / each.name).is_dir():
                splits[each.name] = _reader(_side_by_side, each, masks / each.name)
    return MaskedSet("folders of masks", splits) if splits else None


def find_side_by_side(folder: Path) -> MaskedSet | None:
    """`images` and `masks`, without splits."""
    pictures, masks = _first(folder, PICTURES), _first(folder, MASKS)
    if pictures is None or masks is None:
        return None
    return MaskedSet("folders of masks", {ALL: _reader(_side_by_side, pictures, masks)})


def _side_by_side(pictures: Path, masks: Path) -> Pairs:
    return [
        (path, masks / path.relative_to(pictures).with_suffix(".png"))
        for path in pictures_under(pictures)[0]
    ]


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _reader(read: Callable[..., Pairs], *arguments: Path) -> Callable[[], Pairs]:
    return lambda: read(*arguments)
