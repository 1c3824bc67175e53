"""One small file of each kind of picture that people have, made with Pillow."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, PngImagePlugin

HEIGHT, WIDTH = 24, 40


def every_kind() -> dict[str, bytes]:
    """Name of a file, with its suffix -> its bytes."""
    return dict(_jpegs()) | dict(_pngs()) | dict(_others())


def smooth() -> np.ndarray:
    """Colours that change in both directions: any turn, swap or loss of range shows."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    red, green, blue = 255 * y / HEIGHT, 255 * x / WIDTH, 127 * (1 + np.sin(x / 5 + y / 3))
    return np.stack([red, green, blue], -1).astype("uint8")


def exif(orientation: int, order: str = "big") -> bytes:
    block = Image.Exif()
    block.endian = {"big": ">", "little": "<"}[order]
    block[0x010F] = "Maker"  # the tag is not the first one
    block[0x0112] = orientation
    return block.tobytes()


def with_chunk(png: bytes, kind: bytes, content: bytes, *, last: bool = False) -> bytes:
    """A PNG with one more part, behind its header or before its end."""
    chunk = struct.pack(">I", len(content)) + kind + content
    chunk += struct.pack(">I", zlib.crc32(kind + content))
    at = len(png) - 12 if last else 33
    return png[:at] + chunk + png[at:]


def large_text(png: bytes) -> bytes:
    """A PNG with more text than Pillow agrees to unpack; TensorFlow does not look at it."""
    return with_chunk(png, b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**21)))


def _encode(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _jpegs() -> Iterator[tuple[str, bytes]]:
    colour = Image.fromarray(smooth())
    sharp = {"quality": 95}
    yield "plain.jpg", _encode(colour, "JPEG", **sharp)
    yield "grey.jpg", _encode(colour.convert("L"), "JPEG", **sharp)
    yield "progressive.jpg", _encode(colour, "JPEG", progressive=True, subsampling=0, **sharp)
    for orientation in range(1, 9):
        block = exif(orientation, "little" if orientation % 2 else "big")
        yield (
            f"turned{orientation}.jpg",
            _encode(colour, "JPEG", exif=block, subsampling=0, **sharp),
        )
    yield "comment.jpg", _encode(colour, "JPEG", comment=b"Exif\0\0II*\0", **sharp)
    xmp = b'<x:xmpmeta tiff:Orientation="6"/>'
    yield "xmp.jpg", _encode(colour, "JPEG", xmp=xmp, **sharp)
    yield "damaged_exif.jpg", _encode(colour, "JPEG", exif=exif(6)[:18], **sharp)
    yield "cmyk.jpg", _encode(colour.convert("CMYK"), "JPEG", **sharp)
    frames = [colour.transpose(Image.Transpose.ROTATE_180)]
    yield "several.jpg", _encode(colour, "MPO", save_all=True, append_images=frames)


def _pngs() -> Iterator[tuple[str, bytes]]:
    colour, alpha = Image.fromarray(smooth()), smooth()[..., 1]
    clear = colour.convert("RGBA")
    clear.putalpha(Image.fromarray(alpha))
    grey, palette = colour.convert("L"), colour.quantize(16)
    deep = Image.fromarray((smooth()[..., 0].astype("uint16") << 8) + smooth()[..., 1])
    plain = _encode(colour, "PNG")
    yield "plain.png", plain
    yield "alpha.png", _encode(clear, "PNG")
    yield "palette.png", _encode(palette, "PNG")
    yield "palette8.png", _encode(colour.quantize(200), "PNG")
    yield "clear_palette.png", _encode(palette, "PNG", transparency=bytes(range(0, 256, 16)))
    yield "clear_colour.png", _encode(colour, "PNG", transparency=tuple(smooth()[3, 5].tolist()))
    yield "grey.png", _encode(grey, "PNG")
    yield "clear_grey.png", _encode(grey, "PNG", transparency=int(np.asarray(grey)[5, 5]))
    yield "grey_alpha.png", _encode(clear.convert("LA"), "PNG")
    yield "bilevel.png", _encode(grey.convert("1"), "PNG")
    yield "sixteen_bits.png", _encode(deep, "PNG")
    yield "colour16.png", _deep_png(2, smooth().astype(">u2") * 256 + 200)
    yield "alpha16.png", _deep_png(6, np.asarray(clear).astype(">u2") * 256 + 200)
    yield "turned.png", _encode(colour, "PNG", exif=exif(6))
    yield "turned_late.png", with_chunk(plain, b"eXIf", exif(8, "little")[6:], last=True)
    yield "text.png", large_text(plain)


def _deep_png(colours: int, levels: np.ndarray) -> bytes:
    """A PNG of 16 bits in several channels, which Pillow reads and does not write."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, colours, 0, 0, 0)
    file = io.BytesIO(b"")
    file.write(b"\x89PNG\r\n\x1a\n")
    for kind, content in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        PngImagePlugin.putchunk(file, kind, content)
    return file.getvalue()


def _others() -> Iterator[tuple[str, bytes]]:
    colour = Image.fromarray(smooth())
    clear = colour.convert("RGBA")
    clear.putalpha(Image.fromarray(smooth()[..., 1]))
    deep = smooth()[..., 0].astype("uint16") * 257
    yield "plain.bmp", _encode(colour, "BMP")
    yield "palette.bmp", _encode(colour.quantize(16), "BMP")
    yield "bilevel.bmp", _encode(colour.convert("1"), "BMP")
    yield "plain.gif", _encode(colour, "GIF")
    yield "clear.gif", _encode(colour.quantize(16), "GIF", transparency=3)
    yield "moving.gif", _encode(colour, "GIF", save_all=True, append_images=[clear])
    yield "plain.webp", _encode(colour, "WEBP", lossless=True)
    yield "alpha.webp", _encode(clear, "WEBP", lossless=True)
    yield "turned.webp", _encode(colour, "WEBP", exif=exif(3))
    yield "plain.tif", _encode(colour, "TIFF")
    yield "sixteen_bits.tif", _encode(Image.fromarray(deep), "TIFF")
    yield "cmyk.tif", _encode(colour.convert("CMYK"), "TIFF")
    yield "turned.tiff", _encode(colour, "TIFF", tiffinfo={0x0112: 6})
