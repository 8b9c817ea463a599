"""DICOM files: what their values mean, and what is refused of them. Compressed files are those that pydicom brings."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEG2000Lossless, SecondaryCaptureImageStorage

from modelport.gateway.codecs.images import decode_image
from modelport.gateway.errors import BadRequest

# Remarks of pydicom on odd files are ignored in the gateway; pytest would make errors of them.
pytestmark = pytest.mark.filterwarnings("ignore")

PATH = "inputs[0].data"
GRAY = np.random.default_rng(5).integers(0, 4096, (5, 7), dtype=np.uint16)


def dataset(values: NDArray[Any], bits: int = 12, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> Dataset:
    """Make a grey or RGB picture of one frame or, by `NumberOfFrames`, several."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.3"
    made.SOPClassUID = SecondaryCaptureImageStorage
    color = values.shape[-1] == 3
    made.Rows, made.Columns = values.shape[-3:-1] if color else values.shape[-2:]
    made.SamplesPerPixel = 3 if color else 1
    if color:
        made.PlanarConfiguration = 0
    made.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    made.BitsAllocated = values.dtype.itemsize * 8
    made.BitsStored, made.HighBit = bits, bits - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    made.PixelData = values.tobytes()
    made["PixelData"].VR = "OW" if made.BitsAllocated > 8 else "OB"
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def written(made: Dataset) -> bytes:
    stream = io.BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def bundled(name: str) -> bytes:
    path = pydicom.data.get_testdata_file(name, download=False)
    assert isinstance(path, str), f"pydicom brings no {name}"
    return Path(path).read_bytes()


def read(data: bytes, **options: Any) -> NDArray[np.uint8]:
    return decode_image(data, PATH, **{"declared": "dcm", "pixels": 10**6, **options}).array


def gray(made: Dataset, **options: Any) -> NDArray[np.uint8]:
    array = read(written(made), **options)
    assert (array == array[..., :1]).all()
    return array[..., 0]


def refusal(data: bytes, **options: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        read(data, **options)
    return str(caught.value)


def levels(fractions: NDArray[Any]) -> NDArray[np.uint8]:
    return np.rint(np.clip(fractions, 0, 1) * 255).astype(np.uint8)


def test_without_a_window_the_full_range_of_bits_stored_is_shown() -> None:
    assert (gray(dataset(GRAY)) == levels(GRAY / 4095)).all()


def test_signed_values_are_shown_from_their_least_one() -> None:
    signed = GRAY.astype(np.int16) - 2048
    assert (gray(dataset(signed)) == levels((signed + 2048) / 4095)).all()


def test_8_bits_are_shown_as_they_are() -> None:
    assert (gray(dataset(GRAY.astype(np.uint8), bits=8)) == GRAY.astype(np.uint8)).all()


def test_monochrome1_is_inverted() -> None:
    assert (gray(dataset(GRAY, PhotometricInterpretation="MONOCHROME1")) == 255 - levels(GRAY / 4095)).all()


def test_a_negative_slope_turns_the_range_around() -> None:
    assert (gray(dataset(GRAY, RescaleSlope=-2, RescaleIntercept=10)) == levels(1 - GRAY / 4095)).all()


def test_a_window_counts_in_rescaled_values() -> None:
    made = dataset(GRAY, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=1000, WindowWidth=501)
    # PS3.3, C.11.2.1.2.1
    assert (gray(made) == levels(((GRAY * 2.0 - 1000) - 999.5) / 500 + 0.5)).all()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("LINEAR", (GRAY - 1999.5) / 999 + 0.5),
        ("LINEAR_EXACT", (GRAY - 2000.0) / 1000 + 0.5),
        ("SIGMOID", 1 / (1 + np.exp(-4 * (GRAY - 2000.0) / 1000))),
    ],
)
def test_every_function_of_a_window(function: str, expected: NDArray[Any]) -> None:
    made = dataset(GRAY, WindowCenter=2000, WindowWidth=1000, VOILUTFunction=function)
    assert (gray(made) == levels(expected)).all()


def test_of_several_windows_the_first_is_taken() -> None:
    many = dataset(GRAY, WindowCenter=[2000, 100], WindowWidth=[1000, 50])
    assert (gray(many) == gray(dataset(GRAY, WindowCenter=2000, WindowWidth=1000))).all()


def test_a_window_of_width_1_is_a_threshold() -> None:
    assert (gray(dataset(GRAY, WindowCenter=2000, WindowWidth=1)) == np.where(GRAY >= 2000, 255, 0)).all()


@pytest.mark.parametrize("width", [0, -5])
def test_a_window_without_width_is_refused(width: int) -> None:
    assert refusal(written(dataset(GRAY, WindowCenter=0, WindowWidth=width))).startswith(f"{PATH}: the DICOM file")


def test_a_table_goes_before_a_window() -> None:
    table = Dataset()
    table.LUTDescriptor = [4096, 0, 8]
    table.LUTData = list(range(255, -1, -1)) * 16
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    made = dataset(GRAY, VOILUTSequence=[table], WindowCenter=2000, WindowWidth=1000)
    assert (gray(made) == 255 - GRAY % 256).all()


@pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.uint16, 16), (np.uint16, 12)])
def test_colours_of_every_depth(dtype: type, bits: int) -> None:
    values = np.random.default_rng(6).integers(0, 2**bits, (5, 7, 3)).astype(dtype)
    assert (read(written(dataset(values, bits=bits))) == levels(values / (2**bits - 1))).all()


def test_a_palette_is_looked_up() -> None:
    data = bundled("examples_palette.dcm")
    source = dcmread(io.BytesIO(data))
    red = np.frombuffer(source.RedPaletteColorLookupTableData, "<u2")
    assert (read(data)[..., 0] == levels(red[source.pixel_array] / 65535)).all()


@pytest.mark.parametrize(
    "name", ["MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "MR_small_bigendian"]
)
def test_transfer_syntaxes_without_loss_give_what_the_plain_file_gives(name: str) -> None:
    assert (read(bundled(f"{name}.dcm")) == read(bundled("MR_small.dcm"))).all()


@pytest.mark.parametrize("name", ["SC_rgb_dcmtk_+eb+cy+np", "SC_rgb_jpeg_gdcm", "SC_rgb_gdcm_KY", "SC_rgb_rle"])
def test_compressed_colours_are_rgb(name: str) -> None:
    plain = read(bundled("SC_ybr_full_422_uncompressed.dcm")).astype(int)  # the same test card
    assert np.abs(read(bundled(f"{name}.dcm")) - plain).mean() < 4  # YBR taken for RGB would be far off


def test_a_file_of_several_frames_is_refused() -> None:
    frames = np.stack([GRAY, 4095 - GRAY])
    message = "a DICOM file of 2 frames, and image.frame in the model's spec names none"
    assert refusal(written(dataset(frames, NumberOfFrames=2))) == f"{PATH}: {message}"


def test_the_named_frame_is_taken() -> None:
    made = dataset(np.stack([GRAY, 4095 - GRAY]), NumberOfFrames=2)
    assert (gray(made, frame=0) == levels(GRAY / 4095)).all()
    assert (gray(made, frame=1) == levels(1 - GRAY / 4095)).all()
    assert (read(bundled("SC_rgb_rle_2frame.dcm"), frame=1) == 255 - read(bundled("SC_rgb_rle.dcm"))).all()


def test_a_frame_that_is_not_there_is_refused() -> None:
    message = "a DICOM file of 1 frames, and the model takes frame 1, counted from 0"
    assert refusal(written(dataset(GRAY)), frame=1) == f"{PATH}: {message}"


def test_an_enhanced_file_has_windows_for_single_frames() -> None:
    made = dataset(np.stack([GRAY, GRAY]), NumberOfFrames=2)
    groups = []
    for center in (1000, 3000):
        window, group = Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = center, 500
        group.FrameVOILUTSequence = [window]
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    assert (gray(made, frame=1) == gray(dataset(GRAY, WindowCenter=3000, WindowWidth=500))).all()


@pytest.mark.parametrize(
    ("name", "syntax"),
    [
        ("JPGExtended", "1.2.840.10008.1.2.4.51 (JPEG Extended (Process 2 and 4))"),
        ("image_dfl", "1.2.840.10008.1.2.1.99 (Deflated Explicit VR Little Endian)"),
    ],
)
def test_a_transfer_syntax_that_cannot_be_decoded_is_named(name: str, syntax: str) -> None:
    message = f"the DICOM file's pixels, in transfer syntax {syntax}, cannot be decoded"
    assert refusal(bundled(f"{name}.dcm")) == f"{PATH}: {message}"


def test_an_unknown_transfer_syntax_is_named() -> None:
    data = written(dataset(GRAY)).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    message = "the DICOM file's pixels, in transfer syntax 1.2.840.10008.1.2.9, cannot be decoded"
    assert refusal(data) == f"{PATH}: {message}"


def test_too_many_pixels_are_refused_before_decoding() -> None:
    made = dataset(GRAY, Rows=50_000, Columns=50_000)
    message = f"{PATH}: a picture of 50000 x 50000 pixels, more than 1000000 in all"
    assert refusal(written(made)) == message


def test_a_frame_that_unfolds_to_more_than_the_header_says_is_refused() -> None:
    made = dcmread(io.BytesIO(bundled("MR_small_jp2klossless.dcm")))
    made.Rows = 32
    message = f"{PATH}: a DICOM file for 64 x 32 pixels, but its compressed frame has 64 x 64"
    assert refusal(written(made)) == message


def test_run_lengths_without_end_are_refused() -> None:
    made = dcmread(io.BytesIO(bundled("MR_small_RLE.dcm")))
    made.PixelData = pydicom.encaps.encapsulate([b"\1" + bytes(63) + b"\x81\0" * 100_000])
    assert refusal(written(made)) == f"{PATH}: a DICOM frame of 200064 bytes for a picture of 8192"


NO_PICTURES = {
    "a structured report": bundled("test-SR.dcm"),
    "a dose of 32 bits": bundled("rtdose_1frame.dcm"),
    "cut short": bundled("MR_truncated.dcm"),
    "a header alone": bytes(128) + b"DICM",
    "YBR with a compression of its own": written(dataset(GRAY, PhotometricInterpretation="YBR_RCT")),
    "compressed bytes that are none": written(
        dataset(
            GRAY,
            syntax=JPEG2000Lossless,
            PixelData=pydicom.encaps.encapsulate([b"nothing of the kind!"]),
        )
    ),
}


@pytest.mark.parametrize("data", NO_PICTURES.values(), ids=NO_PICTURES)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    assert refusal(data).startswith(f"{PATH}: the DICOM file")


def test_a_preamble_that_looks_like_a_tiff_changes_nothing() -> None:
    data = b"II*\0".ljust(128, b"\0") + written(dataset(GRAY))[128:]
    assert (read(data)[..., 0] == levels(GRAY / 4095)).all()


FUZZED = [written(dataset(GRAY, WindowCenter=2000, WindowWidth=1000, RescaleSlope=1, RescaleIntercept=0))]
FUZZED += [bundled(f"MR_small_{name}.dcm") for name in ("RLE", "jp2klossless", "jpeg_ls_lossless")]
FUZZED += [bundled("SC_rgb_jpeg_gdcm.dcm"), bundled("SC_rgb_small_odd_jpeg.dcm")]


@given(st.integers(0, len(FUZZED) - 1), st.data())
def test_damaged_files_are_read_or_refused(which: int, data: st.DataObject) -> None:
    changed = bytearray(FUZZED[which])
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(132, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        array = read(bytes(changed))
    except BadRequest:
        return
    assert array.dtype == np.uint8
    assert array.shape[2] == 3


def test_threads_do_not_disturb_one_another() -> None:
    expected = [read(data) for data in FUZZED]
    with ThreadPoolExecutor(8) as pool:
        for number, array in enumerate(pool.map(read, FUZZED * 10)):
            assert (array == expected[number % len(FUZZED)]).all()
