"""The size that a compressed frame of a DICOM file gives itself, read from its header alone."""

from __future__ import annotations

import struct
from typing import Final

_JPEG: Final = b"\xff\xd8"
_JPEG_2000: Final = b"\xff\x4f\xff\x51"
_JP2_BOX: Final = b"jP  "
_FRAME_MARKERS: Final = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
"""Of JPEG, lossy and lossless (ITU-T T.81, table B.1), and of JPEG-LS (T.87)."""


def size_of(code: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG, JPEG-LS or JPEG 2000 frame; None where there is no such header."""
    if code.startswith(_JPEG):
        return _size_of_jpeg(code)
    start = code.find(_JPEG_2000) if code[4:8] == _JP2_BOX else 0
    if code.startswith(_JPEG_2000, max(start, 0)) and len(code) >= start + 24:
        right, bottom, left, top = struct.unpack_from(">4I", code, start + 8)  # ITU-T T.800, A.5.1
        return right - left, bottom - top
    return None


def _size_of_jpeg(code: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(code) and code[at] == 0xFF:
        marker = code[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", code, at + 5)
            return width, height
        else:
            at += 2 + int.from_bytes(code[at + 2 : at + 4], "big")
    return None
