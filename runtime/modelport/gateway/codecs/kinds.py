"""What a file is, by its first bytes, whatever it was called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DECLARED: Final[Mapping[str, str]] = {
    "png": "PNG",
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "gif": "GIF",
    "bmp": "BMP",
    "tif": "TIFF",
    "tiff": "TIFF",
    "dcm": "DICOM",
}
"""Types of pictures as callers name them, and the kind of file that each of them means."""

_MAGIC: Final = (
    (128, b"DICM", "DICOM"),  # first: what stands before it is free, and may be the header of a TIFF
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (8, b"WEBP", "WebP"),
    (0, b"RIFX", "a big-endian wav file"),
    (0, b"RF64", "an RF64 file"),
    (8, b"WAVE", "a wav file"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftyphevc", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftypmsf1", "HEIC"),
    (4, b"ftyp", "a video"),
    (4, b"jP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "SVG or other XML"),
    (0, b"P1", "PBM"),
    (0, b"P2", "PGM"),
    (0, b"P3", "PPM"),
    (0, b"P4", "PBM"),
    (0, b"P5", "PGM"),
    (0, b"P6", "PPM"),
    (0, b"P7", "PAM"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\0\0\1\0", "an icon"),
    (0, b"%PDF", "PDF"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"PK\3\4", "a zip file"),
    (0, b"ID3", "MP3"),
    (0, b"OggS", "Ogg"),
    (0, b"fLaC", "FLAC"),
)
"""Offset, bytes that stand there, and what a message calls such a file. The first that fits decides."""


def kind_of(data: bytes) -> str:
    """Name the kind of a file: `PNG`, `WebP`, `a wav file`; for unknown bytes a phrase that says so."""
    for offset, magic, kind in _MAGIC:
        if data.startswith(magic, offset):
            return kind
    return f"{len(data)} bytes of no known type" if data else "an empty file"
