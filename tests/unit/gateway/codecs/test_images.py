"""Picture files of every type and kind of pixels, and what is refused of them.

Files are made here: by Pillow where it can write them, else byte by byte.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from modelport.gateway.codecs.images import Picture, decode_image
from modelport.gateway.errors import BadRequest

# Remarks of Pillow on broken files are ignored in the gateway; pytest would make errors of them.
pytestmark = pytest.mark.filterwarnings("ignore")

RANDOM = np.random.default_rng(4)
COLORS = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GRAY = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
PIXELS = 10_000
PATH = "inputs[0].data"


def read(data: bytes, **options: Any) -> NDArray[np.uint8]:
    return decode_image(data, PATH, pixels=PIXELS, **options).array


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def refusal(data: bytes, **options: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        decode_image(data, PATH, **{"pixels": PIXELS, **options})
    return str(caught.value)


def png(values: NDArray[np.uint16]) -> bytes:
    """Write 16 bits a channel: grey, grey and alpha, RGB or RGBA by the last dimension."""
    height, width, channels = values.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def tiff(values: NDArray[Any], photometric: int, *, order: str = "<", deflate: bool = False, **tags: int) -> bytes:
    """Write a TIFF of one strip, or of one for each plane; further tags as `t274=6`."""
    values = values[..., None] if values.ndim == 2 else values
    height, width, channels = values.shape
    values = values.astype(values.dtype.newbyteorder(order))
    planes = [values] if tags.get("t284", 1) == 1 else list(np.moveaxis(values, -1, 0))
    strips = [zlib.compress(plane.tobytes()) if deflate else plane.tobytes() for plane in planes]
    offsets = [8 + sum(map(len, strips[:index])) for index in range(len(strips))]
    fields = {
        256: [width],
        257: [height],
        258: [values.dtype.itemsize * 8] * channels,
        259: [8 if deflate else 1],
        262: [photometric],
        273: offsets,
        277: [channels],
        278: [height],
        279: [len(strip) for strip in strips],
    } | {int(name[1:]): [value] for name, value in tags.items()}
    body = b"".join(strips)
    start = 8 + len(body)
    entries, beyond = b"", b""
    for tag, numbers in sorted(fields.items()):
        raw = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(raw) > 4:
            raw, beyond = struct.pack(f"{order}I", start + 6 + 12 * len(fields) + len(beyond)), beyond + raw
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + raw
    magic = {"<": b"II*\0", ">": b"MM\0*"}[order]
    count = struct.pack(f"{order}H", len(fields))
    return magic + struct.pack(f"{order}I", start) + body + count + entries + bytes(4) + beyond


def by_257(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return np.rint(values / 257).astype(np.uint8)


def in_three(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(gray[..., None], 3, axis=2)


@pytest.mark.parametrize(("kind", "declared"), [("png", "PNG"), ("bmp", "bmp"), ("tiff", "tif"), ("tiff", "TIFF")])
def test_types_without_loss_come_back_exactly(kind: str, declared: str) -> None:
    assert (read(saved(Image.fromarray(COLORS), kind), declared=declared) == COLORS).all()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30, "subsampling": 2}])
def test_jpeg_is_what_pillow_reads(options: dict[str, Any]) -> None:
    data = saved(Image.fromarray(COLORS), "jpeg", **options)
    expected = np.asarray(Image.open(io.BytesIO(data)))
    assert (read(data, declared="jpg") == expected).all()
    assert (read(data, declared="jpeg") == expected).all()


def test_a_picture_knows_its_size_as_width_and_height() -> None:
    assert decode_image(saved(Image.fromarray(COLORS), "png"), PATH, pixels=PIXELS).size == (7, 5)


@pytest.mark.parametrize("array", [COLORS, COLORS[:, ::-1], GRAY], ids=["colours", "a view", "grey"])
def test_a_picture_is_made_of_an_array(array: NDArray[np.uint8]) -> None:
    assert (Picture.from_array(array).array == (array if array.ndim == 3 else in_three(array))).all()


@pytest.mark.parametrize("kind", ["png", "tiff", "bmp", "gif"])
def test_grey_is_three_equal_channels(kind: str) -> None:
    assert (read(saved(Image.fromarray(GRAY), kind)) == in_three(GRAY)).all()


def test_black_and_white_is_0_and_255() -> None:
    black_and_white = GRAY > 127
    assert (read(saved(Image.fromarray(black_and_white), "png")) == in_three(np.uint8(255) * black_and_white)).all()


@pytest.mark.parametrize("kind", ["png", "gif", "bmp", "tiff"])
def test_a_palette_is_looked_up(kind: str) -> None:
    image = Image.fromarray(COLORS).quantize(16)
    assert (read(saved(image, kind)) == np.asarray(image.convert("RGB"))).all()


def test_a_transparent_palette_keeps_its_colours() -> None:
    image = Image.fromarray(COLORS).quantize(16)
    assert (read(saved(image, "png", transparency=3)) == np.asarray(image.convert("RGB"))).all()


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_alpha_is_dropped_and_not_blended(kind: str) -> None:
    alpha = RANDOM.integers(0, 256, (5, 7, 1), dtype=np.uint8)
    assert (read(saved(Image.fromarray(np.dstack([COLORS, alpha])), kind)) == COLORS).all()
    assert (read(saved(Image.fromarray(np.dstack([GRAY, alpha]), "LA"), kind)) == in_three(GRAY)).all()


@pytest.mark.parametrize("kind", ["jpeg", "tiff"])
def test_cmyk_becomes_rgb(kind: str) -> None:
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert np.abs(read(saved(red, kind)).astype(int) - (255, 0, 0)).max() <= 2


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits_is_divided_by_257(channels: int) -> None:
    values = RANDOM.integers(0, 65536, (5, 7, channels), dtype=np.uint16)
    expected = by_257(values[..., :3]) if channels > 2 else in_three(by_257(values[..., 0]))
    assert (read(png(values)) == expected).all()


@pytest.mark.parametrize("deflate", [False, True], ids=["raw", "deflated"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("channels", "tags"), [(1, {}), (3, {}), (4, {"t338": 2}), (4, {"t338": 0})])
def test_tiff_of_16_bits_is_divided_by_257(channels: int, tags: dict[str, int], order: str, deflate: bool) -> None:
    values = RANDOM.integers(0, 65536, (5, 7, channels), dtype=np.uint16)
    expected = by_257(values[..., :3]) if channels > 2 else in_three(by_257(values[..., 0]))
    photometric = 1 if channels == 1 else 2
    assert (read(tiff(values, photometric, order=order, deflate=deflate, **tags)) == expected).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_whose_white_is_0_is_inverted(dtype: type) -> None:
    values = np.array([[0, np.iinfo(dtype).max]], dtype)
    assert read(tiff(values, 0))[0, :, 0].tolist() == [255, 0]


def test_tiff_of_12_bits_fills_the_range() -> None:
    packed = np.frombuffer(bytes.fromhex("000fff800000"), np.uint8)  # 0, 4095, 2048, 0
    data = tiff(packed[None], 1)
    for tag, value in ((256, 4), (258, 12)):  # the bytes are four values of 12 bits
        at = data.index(struct.pack("<HHI", tag, 4, 1)) + 8
        data = data[:at] + struct.pack("<I", value) + data[at + 4 :]
    assert read(data)[0, :, 0].tolist() == [0, 255, 128, 0]


def test_16_bits_in_separate_planes_are_refused() -> None:
    values = np.zeros((5, 7, 3), np.uint16)
    message = f"{PATH}: the TIFF file cannot be read: 16 bits a channel in separate planes"
    assert refusal(tiff(values, 2, t284=2)) == message


def test_8_bits_in_separate_planes_are_read() -> None:
    assert (read(tiff(COLORS, 2, t284=2)) == COLORS).all()


TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda array: array,
    2: np.fliplr,
    3: lambda array: np.rot90(array, 2),
    4: np.flipud,
    5: lambda array: array.swapaxes(0, 1),
    6: lambda array: np.rot90(array, -1),
    7: lambda array: np.rot90(array.swapaxes(0, 1), 2),
    8: np.rot90,
}
"""By EXIF orientation (CIPA DC-008, 4.6.5): how the stored rows are turned to be seen upright."""


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
def test_orientation_is_applied_once(orientation: int, deep: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = TURNS[orientation](COLORS)
    wide = COLORS.astype(np.uint16) * 257 if deep else COLORS
    for data in (tiff(wide, 2, t274=orientation), tiff(wide, 2, t274=orientation, deflate=True)):
        assert (read(data) == upright).all()
    assert (read(saved(Image.fromarray(COLORS), "png", exif=exif)) == upright).all()
    jpeg = saved(Image.fromarray(COLORS), "jpeg", exif=exif)
    assert (read(jpeg) == TURNS[orientation](np.asarray(Image.open(io.BytesIO(jpeg))))).all()


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_jpeg_is_decoded_smaller_where_that_is_asked(orientation: int, factor: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.add.outer(np.arange(67), np.arange(93)).astype(np.uint8)  # a ramp; no factor divides its sides
    file = saved(Image.fromarray(stored), "JPEG", exif=exif, quality=95)
    asked: list[tuple[int, int]] = []
    picture = decode_image(file, PATH, pixels=PIXELS, factor=lambda size: asked.append(size) or factor)
    upright = TURNS[orientation](in_three(stored))
    assert asked == [picture.size] == [upright.shape[1::-1]]
    drafted = Image.open(io.BytesIO(file))
    drafted.draft(None, (93 // factor, 67 // factor))
    assert (picture.array == TURNS[orientation](np.asarray(drafted.convert("RGB")))).all()
    left, top, right, bottom = picture.to_image((0, 0, *picture.size))
    assert (right - left, bottom - top) == (picture.size[0] / factor, picture.size[1] / factor)
    assert left >= 0 <= top
    assert right <= picture.image.width
    assert bottom <= picture.image.height
    for x, y in ((8, 8), (40, 32), (16, 48)):
        part = picture.to_image((x, y, x + 16, y + 16))
        mean = np.asarray(picture.image.resize((1, 1), Image.Resampling.BILINEAR, box=part)).mean()
        assert mean == pytest.approx(upright[y : y + 16, x : x + 16].mean(), abs=1)


def test_a_picture_decoded_smaller_is_stretched_as_a_whole() -> None:
    file = saved(Image.fromarray(np.tile(np.arange(203, dtype=np.uint8), (101, 1))), "JPEG", quality=95)
    whole, half = (decode_image(file, PATH, pixels=PIXELS * 4, factor=lambda _, by=by: by) for by in (1, 2))
    difference = whole.stretched((20, 10)).array.astype(int) - half.stretched((20, 10)).array
    assert np.abs(difference).max() <= 1


def test_other_types_than_jpeg_are_decoded_whole() -> None:
    picture = decode_image(saved(Image.fromarray(COLORS), "PNG"), PATH, pixels=PIXELS, factor=lambda _: 8)
    assert (picture.factor, picture.size) == (1, (7, 5))
    assert (picture.array == COLORS).all()


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_jpeg_that_was_cut_short_is_refused_at_every_size(share: float) -> None:
    noise = RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    file = saved(Image.fromarray(noise), "JPEG")
    assert "the JPEG file cannot be read" in refusal(file[: int(len(file) * share)], factor=lambda _: 4)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense"])
def test_damaged_exif_is_no_damage_to_the_picture(exif: bytes) -> None:
    assert read(saved(Image.fromarray(COLORS), "jpeg", exif=exif)).shape == COLORS.shape


def test_an_unknown_orientation_means_none() -> None:
    exif = Image.Exif()
    exif[0x0112] = 9
    assert (read(saved(Image.fromarray(COLORS), "png", exif=exif)) == COLORS).all()


@pytest.mark.parametrize("kind", ["gif", "tiff", "png"])
def test_of_several_pages_the_first_is_taken(kind: str) -> None:
    first, second = Image.fromarray(GRAY), Image.fromarray(255 - GRAY)
    data = saved(first, kind, save_all=True, append_images=[second])
    assert (read(data) == in_three(GRAY)).all()


CONTRADICTIONS = {
    "png sent as jpg": ("png", "jpg", "declared as jpg, but the file is PNG"),
    "jpeg sent as PNG": ("jpeg", "PNG", "declared as png, but the file is JPEG"),
    "gif sent as dcm": ("gif", "dcm", "declared as dcm, but the file is GIF"),
}


@pytest.mark.parametrize(("kind", "declared", "message"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_declared_type_that_contradicts_the_bytes_is_refused(kind: str, declared: str, message: str) -> None:
    assert refusal(saved(Image.fromarray(GRAY), kind), declared=declared) == f"{PATH}: {message}"


def test_an_unknown_declared_type_is_refused_with_the_known_ones() -> None:
    message = 'expected one of png, jpg, jpeg, gif, bmp, tif, tiff, dcm as the picture\'s type, got "webp"'
    assert refusal(b"", declared="webp") == f"{PATH}: {message}"


OTHERS = {
    "webp": (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
    "heic": (b"\0\0\0\x18ftypheic", "HEIC"),
    "avif": (b"\0\0\0\x18ftypavif", "AVIF"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "ppm": (b"P6 1 1 255 abc", "PPM"),
    "jpeg 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    "icon": (b"\0\0\1\0\1\0", "an icon"),
    "wav": (b"RIFF\0\0\0\0WAVEfmt ", "a wav file"),
    "pdf": (b"%PDF-1.7", "PDF"),
    "text": (b"hello", "5 bytes of no known type"),
    "nothing": (b"", "an empty file"),
}


@pytest.mark.parametrize(("data", "name"), OTHERS.values(), ids=OTHERS)
def test_other_files_are_refused_by_name(data: bytes, name: str) -> None:
    assert refusal(data) == f"{PATH}: expected a picture in PNG, JPEG, GIF, BMP, TIFF or DICOM, got {name}"


@pytest.mark.parametrize(("mode", "name"), [("F", "floating point"), ("I", "integers of 32 bits")])
def test_pixels_beyond_16_bits_are_refused(mode: str, name: str) -> None:
    message = f"expected pixels of up to 16 bits in grey, RGB, CMYK or a palette, got {name}"
    assert refusal(saved(Image.new(mode, (3, 3)), "tiff")) == f"{PATH}: {message}"


WRITTEN = {kind: saved(Image.fromarray(COLORS), kind) for kind in ("png", "jpeg", "gif", "bmp", "tiff")}
WRITTEN["progressive"] = saved(Image.fromarray(COLORS), "jpeg", progressive=True)
WRITTEN["deflated"] = tiff(COLORS, 2, deflate=True)
WRITTEN["deep"] = png(RANDOM.integers(0, 65536, (5, 7, 3), dtype=np.uint16))


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_short_is_refused(kind: str, share: float) -> None:
    data = saved(Image.fromarray(np.tile(COLORS, (20, 20, 1))), kind)
    assert refusal(data[: int(len(data) * share)], pixels=PIXELS * 10).startswith(f"{PATH}: ")


BOMBS = {
    "png": saved(Image.new("1", (101, 100)), "png"),
    "jpeg": saved(Image.new("L", (101, 100)), "jpeg"),
    "gif": saved(Image.new("L", (101, 100)), "gif"),
    "bmp": saved(Image.new("L", (101, 100)), "bmp"),
    "tiff": saved(Image.new("L", (101, 100)), "tiff"),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_too_many_pixels_are_refused_by_the_header_alone(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    assert refusal(data) == f"{PATH}: a picture of 101 x 100 pixels, more than 10000 in all"


def test_pillows_own_limit_plays_no_part(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert read(WRITTEN["png"]).shape == COLORS.shape
    assert not recwarn


def test_a_tiff_of_huge_tiles_is_refused() -> None:
    message = f"{PATH}: a picture of 60000 x 60000 pixels, more than 10000 in all"
    assert refusal(tiff(GRAY, 1, deflate=True, t322=60_000, t323=60_000)) == message


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    data = WRITTEN["progressive"]
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert refusal(data[:-2] + scan * 100 + data[-2:]) == f"{PATH}: a JPEG file of more than 100 scans"


@given(st.sampled_from(sorted(WRITTEN)), st.data())
def test_damaged_files_are_read_or_refused(kind: str, data: st.DataObject) -> None:
    changed = bytearray(WRITTEN[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    changed = changed[: data.draw(st.integers(0, len(changed)))] + data.draw(st.binary(max_size=8))
    try:
        array = read(bytes(changed))
    except BadRequest:
        return
    assert array.dtype == np.uint8
    assert array.ndim == 3
    assert array.shape[2] == 3


def test_threads_do_not_disturb_one_another() -> None:
    expected = {kind: read(data) for kind, data in WRITTEN.items()}
    kinds = sorted(WRITTEN) * 20
    with ThreadPoolExecutor(8) as pool:
        for kind, array in zip(kinds, pool.map(lambda kind: read(WRITTEN[kind]), kinds), strict=True):
            assert (array == expected[kind]).all()
