"""Pictures as callers send them, to upright RGB pixels of eight bits.

What the bytes are is decided by the bytes; a declared type only has to agree. Pillow reads every type but DICOM, by the
one plugin that fits: nothing is guessed, and its process-wide limit on pixels plays no part. The size is in the header,
and is judged before a pixel is decoded.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from modelport.gateway.codecs.deep import read_deep
from modelport.gateway.codecs.kinds import DECLARED, kind_of
from modelport.gateway.codecs.words import quote
from modelport.gateway.errors import BadRequest

SCANS: Final = 100
"""Most passes over a progressive JPEG. Encoders make about ten; each more costs a pass over all its pixels."""

FACTORS: Final = (8, 4, 2, 1)
"""How many times smaller a JPEG can be decoded, by its transform of 8 x 8 pixels."""

Size = tuple[int, int]
"""Width and height in pixels."""
Corners = tuple[float, float, float, float]
"""Left, top, right and bottom."""

warnings.filterwarnings("ignore", module=r"PIL\.")  # remarks on callers' files; Python keeps each wording for ever


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture of eight bits for each of red, green and blue."""

    image: Image.Image
    """Of Pillow's mode RGB; smaller than the picture by `factor`."""
    size: Size
    """Width and height of the picture as it was sent, upright, in pixels."""
    factor: int = 1
    """How many of the picture's pixels, in each direction, are one of the image's."""
    origin: tuple[float, float] = (0.0, 0.0)
    """Where in the image the picture begins: a side that `factor` does not divide leaves part of a pixel over."""

    @classmethod
    def from_array(cls, array: NDArray[np.uint8]) -> Picture:
        """Take pixels: uint8, height x width x 3 in the order RGB, or height x width of grey."""
        return cls.whole(Image.fromarray(np.ascontiguousarray(array)).convert("RGB"))

    @classmethod
    def whole(cls, image: Image.Image) -> Picture:
        """Take an image of mode RGB that holds every pixel."""
        return cls(image, image.size)

    @property
    def array(self) -> NDArray[np.uint8]:
        """A copy of the image's pixels: uint8, height x width x 3 in the order RGB."""
        return np.array(self.image)

    def stretched(self, size: Size) -> Picture:
        """Return the picture at another width and height; bilinear with antialias, as everywhere."""
        box = self.to_image((0, 0, *self.size))
        return Picture.whole(self.image.resize(size, Image.Resampling.BILINEAR, box=box))

    def to_image(self, corners: Corners) -> Corners:
        """Turn left, top, right and bottom from pixels of the picture into those of the image."""
        (x, y), (left, top, right, bottom) = self.origin, (corner / self.factor for corner in corners)
        return x + left, y + top, x + right, y + bottom


def decode_image(
    data: bytes,
    path: str,
    *,
    declared: str | None = None,
    pixels: int,
    frame: int | None = None,
    factor: Callable[[Size], int] | None = None,
) -> Picture:
    """Read a picture file.

    Of an animation or a file of several pages the first is taken. Transparency is dropped, 16-bit values are divided
    by 257, and EXIF orientation is applied.

    Args:
        data: the file.
        path: of the file in the request, for messages.
        declared: the type that the caller names, in any case: png, jpg, jpeg, gif, bmp, tif, tiff or dcm.
        pixels: the most pixels that a picture may have.
        frame: which frame of a DICOM file of several is taken, from 0; None to refuse such files.
        factor: how many times smaller, of `FACTORS`, a JPEG may be decoded, by the size of the upright picture; None
            for every pixel.

    Raises:
        BadRequest: the file is of another type, damaged, cut short or too large.
    """
    if declared is not None and declared.lower() not in DECLARED:
        raise BadRequest(f"{path}: expected one of {', '.join(DECLARED)} as the picture's type, got {quote(declared)}")
    kind = kind_of(data)
    if declared is not None and kind in DECLARED.values() and kind != DECLARED[declared.lower()]:
        raise BadRequest(f"{path}: declared as {declared.lower()}, but the file is {kind}")
    if kind == "DICOM":
        from modelport.gateway.codecs import dicom  # its libraries are large, and few models need them

        return Picture.whole(dicom.decode(data, path, pixels=pixels, frame=frame))
    if kind not in _PLUGINS:
        raise BadRequest(f"{path}: expected a picture in PNG, JPEG, GIF, BMP, TIFF or DICOM, got {kind}")
    try:
        return _read(_PLUGINS[kind], data, path, pixels, factor)
    except BadRequest:
        raise
    except Exception as error:  # Pillow raises errors of every class; with bytes from a caller all mean the same
        raise BadRequest(f"{path}: the {kind} file cannot be read: {_clause(error)}") from error


_Plugin = Callable[[io.BytesIO], ImageFile]


def _read(plugin: _Plugin, data: bytes, path: str, pixels: int, factor: Callable[[Size], int] | None) -> Picture:
    image = plugin(io.BytesIO(data))
    _check_size(image, path, pixels)
    size, smaller = image.size, 1
    if isinstance(image, JpegImageFile):
        if _count_scans(data) > SCANS:
            raise BadRequest(f"{path}: a JPEG file of more than {SCANS} scans")
        image.decodermaxblock = len(data)  # in one piece: each one waits for the interpreter lock anew
        smaller = factor(_upright(size, _orientation(image))) if factor is not None else 1
        if smaller > 1:
            image.draft(None, (size[0] // smaller, size[1] // smaller))
    deep = read_deep(image, lambda: plugin(io.BytesIO(data)))
    image.load()
    plain = deep or image
    if plain.mode not in _MODES:
        raise BadRequest(
            f"{path}: expected pixels of up to 16 bits in grey, RGB, CMYK or a palette, "
            f"got {_OTHER_MODES.get(plain.mode, plain.mode)}"
        )
    orientation = _orientation(image)
    turn = _TURNS.get(orientation)
    turned = plain.transpose(turn) if turn is not None else plain
    whole = Picture.whole(turned if turned.mode == "RGB" else turned.convert("RGB"))
    return whole if smaller == 1 else _reduced(whole.image, _upright(size, orientation), smaller, orientation)


def _reduced(image: Image.Image, size: Size, factor: int, orientation: Any) -> Picture:
    """Say where in an upright image, made smaller as it was decoded, the picture of `size` lies."""
    left = image.width - size[0] / factor if orientation in _RIGHT_TO_LEFT else 0.0
    top = image.height - size[1] / factor if orientation in _BOTTOM_TO_TOP else 0.0
    return Picture(image, size, factor, (left, top))


def _upright(size: Size, orientation: Any) -> Size:
    return size[::-1] if orientation in _ON_THE_SIDE else size


def _check_size(image: ImageFile, path: str, pixels: int) -> None:
    """Judge the size in the header, and that of the tiles of a TIFF, of which each is decoded whole."""
    sizes = [image.size]
    if isinstance(image, TiffImageFile):
        sizes.append((image.tag_v2.get(_TILE_WIDTH, 0), image.tag_v2.get(_TILE_LENGTH, 0)))
    for width, height in sizes:
        if width * height > pixels:
            raise BadRequest(f"{path}: a picture of {width} x {height} pixels, more than {pixels} in all")


def _count_scans(data: bytes) -> int:
    """Count the markers that may begin a scan of a JPEG; numpy is several times faster at that than `bytes.count`."""
    values = np.frombuffer(data, np.uint8)
    return int(np.count_nonzero((values[:-1] == 0xFF) & (values[1:] == 0xDA)))


def _orientation(image: ImageFile) -> Any:
    """Return the orientation by EXIF, 1 where there is none; Pillow turns TIFF by itself."""
    if isinstance(image, TiffImageFile):
        return 1
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # a picture stays a picture when the notes beside it are damaged
        return 1


def _clause(error: Exception) -> str:
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__


_ORIENTATION: Final = 0x0112
_TILE_WIDTH: Final = 322
_TILE_LENGTH: Final = 323

_PLUGINS: Final[Mapping[str, _Plugin]] = {
    "PNG": PngImageFile,
    "JPEG": JpegImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "TIFF": TiffImageFile,
}
_MODES: Final = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
"""Pillow's kinds of pixels whose meaning in RGB is not in doubt."""

_OTHER_MODES: Final = {"I": "integers of 32 bits", "F": "floating point", "LAB": "CIE L*a*b*"}

_TURNS: Final[Mapping[Any, Image.Transpose]] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation."""
_ON_THE_SIDE: Final = (5, 6, 7, 8)
_RIGHT_TO_LEFT: Final = (2, 3, 6, 7)
"""Orientations whose turn puts what the file has last, at its right or lower side, to the left."""
_BOTTOM_TO_TOP: Final = (3, 4, 7, 8)
"""The same for the upper side."""
