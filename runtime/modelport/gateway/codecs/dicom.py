"""DICOM files to RGB pixels of eight bits, by pydicom, as a viewer would show them.

Of a file of several frames one is read. Its size, in the header and in the compressed frame itself, is judged before a
pixel is decoded. Compressed frames are decoded by `apart.py`; what the values mean is `grayscale.py`'s part.
"""

from __future__ import annotations

import io
import warnings
from typing import Any, Final

import numpy as np
import pydicom.config
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import get_frame
from pydicom.filereader import read_dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from modelport.gateway.codecs.apart import APART, Undecodable, Values
from modelport.gateway.codecs.codestream import size_of
from modelport.gateway.codecs.grayscale import to_gray
from modelport.gateway.codecs.words import clip
from modelport.gateway.errors import BadRequest

_PREAMBLE: Final = 132
_META_GROUP: Final = 2
_MOST_BITS: Final = 16
_FRAME_GROUPS: Final = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
_SLACK: Final = 64 * 1024

warnings.filterwarnings("ignore", module=r"pydicom\.")  # remarks on callers' files; Python keeps each wording for ever
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def decode(data: bytes, path: str, *, pixels: int, frame: int | None) -> Image.Image:
    """Read one frame as an RGB picture; the arguments and errors are those of `images.decode_image`."""
    try:
        syntax = _transfer_syntax(data)
        if not _is_decodable(syntax):
            raise _undecodable(syntax, path)
        dataset = dcmread(io.BytesIO(data))
        index = _choose_frame(dataset, frame, path)
        _check_size(dataset, index, path, pixels)
        values, photometric = _stored_values(data, dataset, index, path)
        return Image.fromarray(_show(values, photometric, _of_frame(dataset, index))).convert("RGB")
    except BadRequest:
        raise
    except Exception as error:  # pydicom raises errors of every class; with bytes from a caller all mean the same
        raise BadRequest(f"{path}: the DICOM file is damaged, cut short or no picture of 1 to 16 bits") from error


def _transfer_syntax(data: bytes) -> UID:
    """Read the first group alone: what follows may be compressed without bounds."""
    stream = io.BytesIO(data)
    stream.seek(_PREAMBLE)
    meta = read_dataset(
        stream, is_implicit_VR=False, is_little_endian=True, stop_when=lambda tag, _, __: tag.group != _META_GROUP
    )
    return UID(meta.TransferSyntaxUID)


def _is_decodable(syntax: UID) -> bool:
    if syntax == DeflatedExplicitVRLittleEndian:  # pydicom would inflate it without bounds
        return False
    try:
        return get_decoder(syntax).is_available
    except NotImplementedError:
        return False


def _undecodable(syntax: UID, path: str) -> BadRequest:
    named = f"{clip(syntax)} ({syntax.name})" if syntax.name != syntax else clip(syntax)
    return BadRequest(f"{path}: the DICOM file's pixels, in transfer syntax {named}, cannot be decoded")


def _choose_frame(dataset: Dataset, frame: int | None, path: str) -> int:
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frame is None and frames > 1:
        raise BadRequest(f"{path}: a DICOM file of {frames} frames, and image.frame in the model's spec names none")
    if frame is not None and frame >= frames:
        raise BadRequest(f"{path}: a DICOM file of {frames} frames, and the model takes frame {frame}, counted from 0")
    return frame or 0


def _check_size(dataset: Dataset, index: int, path: str, pixels: int) -> None:
    """Judge the size that the header gives, and of a compressed frame the size of its own and its number of bytes."""
    width, height = int(dataset.Columns), int(dataset.Rows)
    if width * height > pixels:
        raise BadRequest(f"{path}: a picture of {width} x {height} pixels, more than {pixels} in all")
    if not dataset.file_meta.TransferSyntaxUID.is_compressed:
        return
    code = get_frame(dataset.PixelData, index, number_of_frames=int(dataset.get("NumberOfFrames") or 1))
    own = size_of(code)
    if own is not None and own != (width, height):
        raise BadRequest(
            f"{path}: a DICOM file for {width} x {height} pixels, but its compressed frame has {own[0]} x {own[1]}"
        )
    raw = width * height * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated) // 8
    if len(code) > 2 * raw + _SLACK:  # run lengths could unfold to a multiple of the picture
        raise BadRequest(f"{path}: a DICOM frame of {len(code)} bytes for a picture of {raw}")


def _stored_values(data: bytes, dataset: Dataset, index: int, path: str) -> Values:
    syntax = dataset.file_meta.TransferSyntaxUID
    if "PixelData" not in dataset or not 1 <= dataset.BitsStored <= _MOST_BITS:
        raise ValueError("no integers of 1 to 16 bits")
    if syntax.is_compressed and syntax != RLELossless:  # which pydicom decodes in Python
        try:
            return APART.decode(data, index)
        except Undecodable as error:
            raise _undecodable(syntax, path) from error
    values, properties = get_decoder(syntax).as_array(dataset, index=index)
    return Values(values, str(properties["photometric_interpretation"]))


def _of_frame(dataset: Dataset, index: int) -> Dataset:
    """Put what an enhanced file says of one frame beside what it says of all."""
    groups: list[Dataset] = list(dataset.get("SharedFunctionalGroupsSequence") or ())[:1]
    groups += list(dataset.get("PerFrameFunctionalGroupsSequence") or ())[index : index + 1]
    for group in groups:
        for name in _FRAME_GROUPS:
            for item in list(group.get(name) or ())[:1]:
                dataset.update(item)
    return dataset


def _show(values: NDArray[Any], photometric: str, dataset: Dataset) -> NDArray[np.uint8]:
    if photometric in ("MONOCHROME1", "MONOCHROME2"):
        gray = to_gray(values, dataset)
        return 255 - gray if photometric == "MONOCHROME1" else gray
    if photometric == "PALETTE COLOR":
        values = apply_color_lut(values, dataset)[..., :3]
        bits = dataset.RedPaletteColorLookupTableDescriptor[2]
    elif photometric == "RGB":
        bits = dataset.BitsStored
    else:
        raise ValueError(f"no RGB from {photometric}")
    full = 2**bits - 1
    levels: NDArray[np.uint8] = ((np.clip(values, 0, full).astype(np.uint32) * 255 + full // 2) // full).astype(
        np.uint8
    )
    return levels
