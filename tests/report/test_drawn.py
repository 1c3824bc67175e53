"""Drawn pictures as files."""

import pytest
from PIL import Image

from kerazoo.report.drawn import save_drawn


@pytest.mark.parametrize(("ending", "kind"), [(".JPG", "JPEG"), (".png", "PNG"), (".webp", "WEBP")])
def test_the_ending_says_how_a_drawn_picture_is_written(tmp_path, ending, kind):
    save_drawn(tmp_path / f"a{ending}", lambda: Image.new("RGB", (4, 3), "red"))
    with Image.open(tmp_path / f"a{ending}") as picture:
        assert (picture.format, picture.size) == (kind, (4, 3))


def test_nothing_is_drawn_for_another_ending(tmp_path):
    with pytest.raises(ValueError, match=r"a file name in \.jpg, \.jpeg, \.png, \.webp"):
        save_drawn(tmp_path / "a.gif", lambda: pytest.fail("drawn"))
