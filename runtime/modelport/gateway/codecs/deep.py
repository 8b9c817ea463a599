"""Pictures of more than eight bits a channel, which Pillow by itself reads exactly in grey alone.

For colours Pillow keeps each value's high byte. Its decoders can be asked for the low bytes of the same file in the
same way, as if the file had the other byte order; both together are the value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

_FULL: Final = 65535
_FULL_OF_12_BITS: Final = 4095
_NOT_NATIVE: Final = "B" if sys.byteorder == "little" else "L"
_LOW: Final[Mapping[str, str]] = {
    f"{color};16{order}": f"{color};16{other}"
    for color in ("RGB", "RGBX", "RGBA", "CMYK")
    for order, other in (("B", "L"), ("L", "B"), ("N", _NOT_NATIVE))
}
"""Pillow's raw mode for the low bytes, by the one that reads the high bytes."""
_GRAY_AND_ALPHA: Final = "LA;16B"
_BITS: Final = 258
_PHOTOMETRIC: Final = 262
_WHITE_IS_ZERO: Final = 0
_PLANES: Final = 284
_SEPARATE: Final = 2


def read_deep(image: ImageFile, reopen: Callable[[], ImageFile]) -> Image.Image | None:
    """Return a picture in eight bits a channel, rounded from the file's own depth; None where it has no more than that.

    Args:
        image: opened, not loaded yet.
        reopen: opens the same file once more.

    Raises:
        ValueError: 16-bit values lie in separate planes, which Pillow mistakes for something else.
    """
    raw = _raw_mode(image)
    if isinstance(image, TiffImageFile) and _is_deep_and_planar(image):
        raise ValueError("16 bits a channel in separate planes")
    if image.mode.startswith("I;16"):
        gray = _rounded(np.asarray(image), _FULL_OF_12_BITS if raw == "I;12" else _FULL)
        return Image.fromarray(255 - gray if _is_negative(image) else gray)
    if raw in _LOW:
        high, low = np.asarray(image), _bytes(reopen(), _LOW[raw])
        return Image.frombytes(image.mode, image.size, _rounded(_joined(high, low)).tobytes())
    if raw == _GRAY_AND_ALPHA:  # two values of two bytes lie like a pixel of four
        four = _bytes(reopen(), "RGBA")
        return Image.fromarray(_rounded(_joined(four[..., 0], four[..., 1])))
    return None


def _is_deep_and_planar(image: TiffImageFile) -> bool:
    tags = image.tag_v2
    return tags.get(_PLANES) == _SEPARATE and max(tags.get(_BITS, (1,))) > 8


def _raw_mode(image: ImageFile) -> str:
    """Return how the decoder is told to take the file's bytes apart."""
    args: Any = image.tile[0].args if image.tile else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _bytes(image: ImageFile, raw: str) -> NDArray[np.uint8]:
    """Decode with another raw mode than the plugin chose."""
    image.tile = [
        tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw) for tile in image.tile
    ]
    return np.asarray(image)


def _joined(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.asarray(high.astype(np.uint16) << 8 | low, np.uint16)


def _rounded(values: NDArray[np.uint16], full: int = _FULL) -> NDArray[np.uint8]:
    """Map 0 to `full` onto 0 to 255; for 16 bits that is a division by 257."""
    steps = (np.arange(_FULL + 1) * 255 + full // 2) // full
    return np.minimum(steps, 255).astype(np.uint8)[values]


def _is_negative(image: ImageFile) -> bool:
    """Tell whether white is 0, which Pillow leaves as it is in 16 bits."""
    return isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
