"""Pictures of every kind, and files that are none."""

import io
import os
import zlib

import numpy as np
import pytest
from PIL import Image

from kerazoo.picture_lists import find_pictures
from kerazoo.pictures import PictureError, open_picture, open_reduced, picture_header


def _encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def quadrants():
    """Red, green / blue, white in blocks of 16 x 24: any rotation or channel swap shows."""
    pixels = np.zeros((32, 48, 3), "uint8")
    pixels[:16, :24] = 255, 0, 0
    pixels[:16, 24:] = 0, 255, 0
    pixels[16:, :24] = 0, 0, 255
    pixels[16:, 24:] = 255, 255, 255
    return Image.fromarray(pixels)


def _close(image, expected, tolerance=4):
    assert image.mode == "RGB"
    assert image.size == expected.size
    difference = np.abs(np.asarray(image, "int16") - np.asarray(expected, "int16"))
    assert difference.mean() <= tolerance


def test_path_and_bytes(tmp_path, quadrants):
    path = tmp_path / "a.png"
    quadrants.save(path)
    for source in (path, str(path), path.read_bytes()):
        _close(open_picture(source), quadrants, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(quadrants, orientation):
    how = {  # how a camera stored the picture: the inverse of what the tag asks for
        2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
        6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270",
    }  # fmt: skip
    stored = quadrants
    if orientation > 1:
        stored = quadrants.transpose(Image.Transpose[how[orientation]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    _close(open_picture(_encode(stored, "JPEG", exif=exif, quality=95, subsampling=0)), quadrants)


def test_broken_exif_is_logged_and_ignored(quadrants, caplog, monkeypatch):
    from PIL import ImageOps

    def broken(image):
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(ImageOps, "exif_transpose", broken)
    _close(open_picture(_encode(quadrants, "PNG")), quadrants, 0)
    assert "EXIF of picture '<bytes>' is unreadable" in caplog.text


def test_cmyk(quadrants):
    _close(open_picture(_encode(quadrants.convert("CMYK"), "JPEG", quality=95)), quadrants)
    _close(open_picture(_encode(quadrants.convert("CMYK"), "TIFF")), quadrants, 0)


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey(quadrants, mode):
    _close(
        open_picture(_encode(quadrants.convert(mode), "PNG")),
        quadrants.convert(mode).convert("RGB"),
        0,
    )


def test_palette(quadrants):
    _close(open_picture(_encode(quadrants.quantize(8), "PNG")), quadrants, 1)
    _close(open_picture(_encode(quadrants.quantize(8), "GIF")), quadrants, 1)


def test_transparency_is_laid_on_white(quadrants):
    alpha = np.zeros((32, 48), "uint8")
    alpha[:16], alpha[16:, :24] = 255, 128
    rgba = quadrants.convert("RGBA")
    rgba.putalpha(Image.fromarray(alpha))
    pixels = np.asarray(open_picture(_encode(rgba, "PNG")))
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[31, 47].tolist() == [255, 255, 255]
    np.testing.assert_allclose(pixels[31, 0], [127, 127, 255], atol=1)


def test_transparent_palette_is_laid_on_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30] + [0] * 765)
    pixels = np.asarray(open_picture(_encode(image, "PNG", transparency=0)))
    assert (pixels == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_range(kind):
    levels = np.linspace(0, 65535, 64 * 64).astype("uint16").reshape(64, 64)
    pixels = np.asarray(open_picture(_encode(Image.fromarray(levels), kind)))
    assert pixels.shape == (64, 64, 3)
    np.testing.assert_allclose(pixels[..., 1], levels / 257.0, atol=0.51)


def test_one_pixel():
    assert open_picture(_encode(Image.new("RGB", (1, 1), (1, 2, 3)), "PNG")).getpixel((0, 0)) == (
        1,
        2,
        3,
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "TIFF"])
def test_truncated(tmp_path, quadrants, kind):
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), "uint8"))
    whole = _encode(noisy, kind)
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PictureError, match=r"cut\.jpg.*: (damaged|not a picture)"):
        open_picture(path)


def test_text_named_jpg(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("hello, not a picture")
    with pytest.raises(PictureError, match=r"notes\.jpg.*not a picture.*begins with b'hello"):
        open_picture(path)


def test_telephones_pictures_name_the_package_that_reads_them():
    with pytest.raises(PictureError, match=r"HEIC or AVIF.*`pip install pillow-heif`"):
        open_picture(b"\0\0\0\x18ftypheic" + bytes(40))


def test_empty_missing_and_folder(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(PictureError, match=r"empty\.jpg.*the file is empty"):
        open_picture(tmp_path / "empty.jpg")
    with pytest.raises(PictureError, match=r"gone\.jpg.*no such file"):
        open_picture(tmp_path / "gone.jpg")
    with pytest.raises(PictureError, match="it is a folder"):
        open_picture(tmp_path)


def test_pictures_without_a_byte_range():
    with pytest.raises(PictureError, match="floating-point pictures have no defined range"):
        open_picture(_encode(Image.new("F", (4, 4), 0.5), "TIFF"))
    deep = Image.fromarray(np.full((4, 4), 1_000_000, "int32"))
    with pytest.raises(PictureError, match="beyond 16 bits"):
        open_picture(_encode(deep, "TIFF"))


def test_decompression_bomb(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PictureError, match="damaged or not supported"):
        open_picture(_encode(Image.new("RGB", (64, 64)), "PNG"))


def test_source_of_another_kind():
    with pytest.raises(ValueError, match="`source` must be a path or bytes"):
        open_picture(42)


class TestFindPictures:
    @pytest.fixture
    def folder(self, tmp_path, quadrants):
        (tmp_path / "deep").mkdir()
        (tmp_path / ".hidden").mkdir()
        for name in ("b.JPG", "a.png", "deep/c.webp", ".hidden/d.png", "._b.jpg", "scan.data"):
            quadrants.save(tmp_path / name, "PNG")
        (tmp_path / "notes.txt").write_text("no")
        return tmp_path

    def _names(self, folder, *arguments):
        found = find_pictures(str(folder / a) for a in arguments)
        return [path.relative_to(folder).as_posix() for path in found]

    def test_folder_is_searched_through_and_sorted(self, folder):
        assert self._names(folder, "") == ["a.png", "b.JPG", "deep/c.webp"]

    def test_globs(self, folder):
        assert self._names(folder, "*.png") == ["a.png"]
        assert self._names(folder, "**/*.webp", "?.png") == ["deep/c.webp", "a.png"]
        assert self._names(folder, "d*") == ["deep/c.webp"]

    def test_each_picture_once_in_the_order_given(self, folder):
        assert self._names(folder, "b.JPG", "", "a.png") == ["b.JPG", "a.png", "deep/c.webp"]

    def test_explicit_files_are_kept_whatever_they_are(self, folder):
        assert self._names(folder, "scan.data", "gone.jpg") == ["scan.data", "gone.jpg"]

    def test_file_whose_name_looks_like_a_glob(self, folder, quadrants):
        quadrants.save(folder / "x[1].png")
        assert self._names(folder, "x[1].png") == ["x[1].png"]

    def test_nothing_found(self, folder):
        for argument in ("*.tiff", ".hidden/none"):
            (folder / ".hidden/none").mkdir(exist_ok=True)
            with pytest.raises(PictureError, match=r"No pictures in .*\.jpeg"):
                find_pictures([str(folder / argument)])


def test_only_regular_files_are_read(tmp_path, quadrants):
    """A pipe would be waited for for ever, and a device has no end."""
    pipe, device, folder = tmp_path / "pipe.png", tmp_path / "device.png", tmp_path / "d.png"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    folder.mkdir()
    for path, reason in (
        (pipe, "it is not a regular file"),
        (device, "it is not a regular file"),
        (folder, "it is a folder"),
        (tmp_path / "none.png", "no such file"),
        (tmp_path / "null\0.png", "embedded null"),
    ):
        with pytest.raises(PictureError, match=f"Cannot read picture .*{reason}"):
            open_picture(path)
        with pytest.raises(PictureError, match="Cannot read picture "):
            picture_header(path)
    quadrants.save(tmp_path / "real.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    _close(open_picture(tmp_path / "link.png"), quadrants, 0)


def test_pixels_are_bounded_before_any_is_decoded(tmp_path, quadrants, monkeypatch):
    data = _encode(quadrants, "PNG")
    assert open_picture(data, max_pixels=32 * 48).size == (48, 32)
    with pytest.raises(PictureError, match=r"48 x 32 pixels; at most 1,535 .*KERAZOO_MAX_PIXELS"):
        open_picture(data, max_pixels=32 * 48 - 1)
    monkeypatch.setenv("KERAZOO_MAX_PIXELS", "100")
    with pytest.raises(PictureError, match="at most 100 are taken"):
        open_picture(data)
    monkeypatch.setenv("KERAZOO_MAX_PIXELS", "many")
    with pytest.raises(ValueError, match="KERAZOO_MAX_PIXELS must be a positive integer, not 'ma"):
        open_picture(data)
    monkeypatch.delenv("KERAZOO_MAX_PIXELS")
    monkeypatch.setenv("KERAZOO_MAX_PICTURE_BYTES", str(len(data) - 1))
    with pytest.raises(PictureError, match=r"too large in bytes; .*KERAZOO_MAX_PICTURE_BYTES"):
        open_picture(data)
    with pytest.raises(ValueError, match="`max_pixels` must be a positive integer"):
        open_picture(data, max_pixels=0)


@pytest.mark.parametrize("side", [13_000, 20_000])
def test_the_bound_of_pixels_by_default(side, recwarn):
    """Headers alone: 13,000² would be 169 million pixels, and took 4.2 GB in 16 bits."""
    data = _encode(Image.new("1", (side, 4)), "PNG")
    header = data[16:24]
    assert header == side.to_bytes(4, "big") + (4).to_bytes(4, "big")
    chunk = b"IHDR" + side.to_bytes(4, "big") * 2 + data[24:29]
    data = data[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[33:]
    reason = f"{side:,} x {side:,} pixels; at most 134,217,728"
    with pytest.raises(PictureError, match=reason):
        open_picture(data)
    assert not recwarn.list  # of Pillow, whose own bound is another
    assert Image.MAX_IMAGE_PIXELS >= 2**26


def test_sixteen_bits_of_grey_in_strips(monkeypatch):
    levels = np.random.default_rng(0).integers(0, 65536, (37, 11)).astype("uint16")
    data = _encode(Image.fromarray(levels), "PNG")
    expected = np.rint(levels / 257).astype("uint8")
    monkeypatch.setattr("kerazoo.pictures._STRIP", 50)
    assert np.array_equal(np.asarray(open_picture(data))[..., 0], expected)


@pytest.fixture(scope="module")
def large():
    rows, columns = np.mgrid[0:600, 0:800]
    smooth = np.stack([rows * 255 / 600, columns * 255 / 800, 0 * rows + 90], -1)
    return Image.fromarray(smooth.astype("uint8"))


class TestAtLeast:
    """JPEGs that are decoded no larger than needed."""

    @pytest.mark.parametrize(
        ("at_least", "size"),
        [
            (None, (800, 600)),
            ((301, 10), (800, 600)),
            ((300, 400), (400, 300)),
            ((100, 200), (200, 150)),
            ((10, 10), (100, 75)),
            ((601, 801), (800, 600)),
        ],
    )
    def test_the_smallest_scale_that_is_large_enough(self, large, at_least, size):
        data = _encode(large, "JPEG", quality=95)
        picture = open_picture(data, at_least=at_least)
        assert (picture.mode, picture.size) == ("RGB", size)
        whole = np.asarray(large.resize(size, Image.Resampling.BOX)).astype(int)
        assert np.abs(np.asarray(picture).astype(int) - whole).mean() < 2

    @pytest.mark.parametrize("orientation", [1, 3, 6, 8])
    def test_upright(self, large, orientation):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = _encode(large, "JPEG", exif=exif)
        aside = orientation in (6, 8)
        picture, size = open_reduced(data, (400, 150) if aside else (150, 400))
        assert size == ((800, 600) if aside else (600, 800))
        assert picture.size == ((300, 400) if aside else (400, 300))
        exact = open_picture(data).resize(picture.size, Image.Resampling.BOX)
        assert np.abs(np.asarray(picture).astype(int) - np.asarray(exact)).mean() < 2

    def test_other_formats_are_decoded_whole(self, large):
        picture, size = open_reduced(_encode(large, "PNG"), (10, 10))
        assert (picture.size, size) == ((800, 600), (600, 800))
