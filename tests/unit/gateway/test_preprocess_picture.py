"""Pictures to tensors, held against references written here with numpy and Pillow alone."""

from __future__ import annotations

import io
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from modelport.api.io import ImageInput
from modelport.gateway.codecs.images import Picture, decode_image
from modelport.gateway.errors import BadRequest, InternalError
from modelport.gateway.preprocess import Prepared, place, prepare_picture, reduction
from modelport.gateway.tensors import ANY, TensorSpec

PATH = "inputs[0].data"
WIDTH, HEIGHT = 8, 6
"""Of the model's picture."""

sides = st.integers(1, 40)


def pixels(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.default_rng(width * 100 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def prepare(array: NDArray[np.uint8], shape: tuple[int, ...], dtype: str = "FP32", **spec: Any) -> Prepared:
    return prepare_picture(Picture.from_array(array), ImageInput(**spec), TensorSpec("x", dtype, shape), PATH)


def drawn(array: NDArray[np.uint8], **spec: Any) -> NDArray[np.uint8]:
    """Return the model's picture, height x width x 3."""
    return prepare(array, (ANY, HEIGHT, WIDTH, 3), "UINT8", layout="NHWC", **spec).array[0]


def resized(array: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.BILINEAR))


def triangle(length: int, start: float, part: float, into: int) -> NDArray[np.float64]:
    """Return the weights of antialiased bilinear scaling: `into` rows for `length` samples, of which a part is used."""
    scale = part / into
    reach = max(scale, 1.0)
    centers = start + (np.arange(into) + 0.5) * scale
    weights = np.maximum(0, 1 - np.abs(np.arange(length) + 0.5 - centers[:, None]) / reach)
    return weights / weights.sum(axis=1, keepdims=True)


@given(sides, sides)
def test_stretch_is_pillows_bilinear(width: int, height: int) -> None:
    array = pixels(width, height)
    assert (drawn(array, resize="Stretch") == resized(array, WIDTH, HEIGHT)).all()


@given(sides, sides, st.integers(0, 255))
def test_letterbox_keeps_proportions_and_pads(width: int, height: int, pad: int) -> None:
    array = pixels(width, height)
    scale = min(WIDTH / width, HEIGHT / height)
    inner = resized(array, max(1, round(width * scale)), max(1, round(height * scale)))
    top, left = (HEIGHT - inner.shape[0]) // 2, (WIDTH - inner.shape[1]) // 2
    expected = np.full((HEIGHT, WIDTH, 3), pad, np.uint8)
    expected[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    assert (drawn(array, resize="Letterbox", padColor=pad) == expected).all()


@given(sides, sides)
def test_center_crop_covers_and_cuts_the_middle_out(width: int, height: int) -> None:
    array = pixels(width, height)
    scale = min(width / WIDTH, height / HEIGHT)
    part = (WIDTH * scale, HEIGHT * scale)
    across = triangle(width, (width - part[0]) / 2, part[0], WIDTH)
    down = triangle(height, (height - part[1]) / 2, part[1], HEIGHT)
    expected = np.einsum("yj,xi,jic->yxc", down, across, array.astype(np.float64))
    assert np.abs(drawn(array, resize="CenterCrop") - expected).max() <= 1.01  # Pillow rounds once more in between


@pytest.mark.parametrize(("factor", "wider"), [(1, 4), (2, 6), (3, 2)])
def test_center_crop_is_scaling_then_cropping_where_that_needs_no_rounding(factor: int, wider: int) -> None:
    array = pixels((WIDTH + wider) * factor, HEIGHT * factor)
    covering = resized(array, WIDTH + wider, HEIGHT)
    assert (drawn(array, resize="CenterCrop") == covering[:, wider // 2 : wider // 2 + WIDTH]).all()


POLICIES = ["Stretch", "Letterbox", "CenterCrop"]
TENSOR = TensorSpec("x", "UINT8", (ANY, HEIGHT, WIDTH, 3))


def photograph(width: int, height: int, **options: Any) -> bytes:
    """Return a JPEG of waves and noise."""
    rows, columns = np.mgrid[:height, :width]
    waves = [128 + 90 * np.sin(9 * columns / width + 6 * rows / height + channel) for channel in range(3)]
    noise = np.random.default_rng(width).normal(0, 4, (height, width, 3))
    array = (np.stack(waves, -1) + noise).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def read(file: bytes, spec: ImageInput) -> Prepared:
    picture = decode_image(file, PATH, pixels=10**6, factor=reduction(spec, TENSOR))
    return prepare_picture(picture, spec, TENSOR, PATH)


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(POLICIES))
def test_a_jpeg_is_read_at_the_smallest_size_that_is_one_and_a_half_of_the_models(
    width: int, height: int, policy: Any
) -> None:
    file, spec = photograph(width, height), ImageInput(resize=policy, layout="NHWC")
    box, inner = (0.0, 0.0, width, height), (WIDTH, HEIGHT)
    if policy == "Letterbox":
        scale = min(WIDTH / width, HEIGHT / height)
        inner = max(1, round(width * scale)), max(1, round(height * scale))
    if policy == "CenterCrop":
        across, down = min(width, height * WIDTH / HEIGHT), min(height, width * HEIGHT / WIDTH)
        box = (width - across) / 2, (height - down) / 2, (width + across) / 2, (height + down) / 2
    gap = min((box[2] - box[0]) / inner[0], (box[3] - box[1]) / inner[1])
    factor = 8 if gap >= 12 else 4 if gap >= 6 else 2 if gap >= 3 else 1
    assert reduction(spec, TENSOR)((width, height)) == factor
    opened = Image.open(io.BytesIO(file))
    opened.draft(None, (width // factor, height // factor))
    scaled = opened.resize(inner, Image.Resampling.BILINEAR, box=tuple(corner / factor for corner in box))
    expected = Image.new("RGB", (WIDTH, HEIGHT), (114, 114, 114))
    expected.paste(scaled, ((WIDTH - inner[0]) // 2, (HEIGHT - inner[1]) // 2))
    prepared = read(file, spec)
    assert np.abs(prepared.array[0].astype(int) - np.asarray(expected)).max() <= 1  # the crop's box is a float
    assert prepared.placement == place((width, height), (WIDTH, HEIGHT), policy)


@given(st.integers(100, 300), st.integers(100, 300), st.sampled_from(POLICIES))
def test_a_jpeg_read_smaller_hardly_differs(width: int, height: int, policy: Any) -> None:
    file = photograph(width, height)
    whole, smaller = (
        read(file, ImageInput(resize=policy, layout="NHWC", reduceJpeg=reduce)).array.astype(int)
        for reduce in (False, True)
    )
    difference = np.abs(whole - smaller)
    assert difference.mean() < 3
    assert difference.max() < 20


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_places_are_those_of_the_upright_original_whatever_size_was_read(policy: Any, orientation: int) -> None:
    array = np.zeros((133, 201, 3), np.uint8)
    array[49:83, 71:121] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=95, exif=exif)
    upright = np.asarray(decode_image(file.getvalue(), PATH, pixels=10**6).image)[..., 0]
    height, width = upright.shape
    middle = np.argwhere(upright > 128).mean(axis=0)[::-1] + 0.5
    spec = ImageInput(resize=policy, layout="NHWC", padColor=0)
    assert reduction(spec, TENSOR)((width, height)) > 1
    prepared = read(file.getvalue(), spec)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    light = prepared.array[0, ..., 0].astype(float)
    found = np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()
    assert prepared.placement.to_original(found) * (width, height) == pytest.approx(middle, abs=1)


def test_no_jpeg_is_read_smaller_for_a_model_of_any_size_or_where_the_spec_forbids_it() -> None:
    anysize = TensorSpec("x", "UINT8", (ANY, ANY, ANY, 3))
    assert reduction(ImageInput(resize="Stretch", layout="NHWC"), anysize)((4000, 3000)) == 1
    assert reduction(ImageInput(resize="Stretch", layout="NHWC", reduceJpeg=False), TENSOR)((4000, 3000)) == 1


@pytest.mark.parametrize("policy", ["Exact", "Stretch", "Letterbox", "CenterCrop"])
def test_a_picture_of_the_models_size_is_left_alone(policy: str) -> None:
    array = pixels(WIDTH, HEIGHT)
    assert (drawn(array, resize=policy) == array).all()


def test_a_very_long_picture_costs_no_more_than_its_middle() -> None:
    assert drawn(pixels(40_000, 1), resize="CenterCrop").shape == (HEIGHT, WIDTH, 3)


def test_exact_refuses_another_size_and_names_what_would_not() -> None:
    with pytest.raises(BadRequest) as caught:
        drawn(pixels(10, 20))
    assert str(caught.value) == (
        f"{PATH}: expected a picture of 8 x 6 pixels, got 10 x 20; "
        "resize Stretch, Letterbox or CenterCrop in the model's spec would take it"
    )


colors = st.sampled_from(["RGB", "BGR", "Gray"])


@given(
    color=colors,
    layout=st.sampled_from(["NCHW", "NHWC"]),
    scale=st.sampled_from([1.0, 1 / 255, 2.5]),
    mean=st.lists(st.floats(-200, 200), max_size=3),
    std=st.lists(st.floats(0.01, 100), max_size=3),
    dtype=st.sampled_from(["FP32", "FP64", "FP16", "BF16"]),
)
def test_values_are_scaled_then_shifted_then_divided(
    color: str, layout: str, scale: float, mean: list[float], std: list[float], dtype: str
) -> None:
    channels = 1 if color == "Gray" else 3
    mean, std = ([values[0]] * channels if 0 < len(values) < 3 else values[:channels] for values in (mean, std))
    array = pixels(WIDTH, HEIGHT)
    shape = {"NCHW": (ANY, channels, HEIGHT, WIDTH), "NHWC": (ANY, HEIGHT, WIDTH, channels)}[layout]
    got = prepare(array, shape, dtype, color=color, layout=layout, scale=scale, mean=tuple(mean), std=tuple(std)).array
    if color == "Gray":
        expected = np.asarray(Image.fromarray(array).convert("L"))[..., None].astype(np.float64)
    else:
        expected = (array if color == "RGB" else array[..., ::-1]).astype(np.float64)
    expected = (expected * scale - (mean or 0.0)) / (std or 1.0)
    expected = expected[None] if layout == "NHWC" else expected.transpose(2, 0, 1)[None]
    types = {"FP32": np.float32, "FP64": np.float64, "FP16": np.float16, "BF16": ml_dtypes.bfloat16}
    assert got.dtype == types[dtype]
    with np.errstate(over="ignore"):
        assert (got == expected.astype(types[dtype])).all()


def test_grey_is_itu_r_601() -> None:
    array = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], np.uint8)
    got = prepare(array, (ANY, 1, 1, 4), color="Gray").array
    assert got.ravel().tolist() == [76, 150, 29, 18]  # 0.299 R + 0.587 G + 0.114 B


@pytest.mark.parametrize(
    ("dtype", "scale", "expected"),
    [
        ("UINT8", 1.0, [0, 3, 200, 255]),
        ("UINT8", 0.5, [0, 2, 100, 128]),
        ("UINT8", 2.0, [0, 6, 255, 255]),
        ("INT8", 1.0, [0, 3, 127, 127]),
        ("INT64", 2.0, [0, 6, 400, 510]),
    ],
)
def test_integers_are_rounded_and_kept_in_range(dtype: str, scale: float, expected: list[int]) -> None:
    array = np.repeat(np.array([[0, 3, 200, 255]], np.uint8)[..., None], 3, axis=2)
    assert prepare(array, (ANY, 1, 1, 4), dtype, color="Gray", scale=scale).array.ravel().tolist() == expected


SHAPES = {
    "batched": ("RGB", "NCHW", (ANY, 3, 6, 8), (1, 3, 6, 8)),
    "a batch of 1": ("RGB", "NHWC", (1, 6, 8, 3), (1, 6, 8, 3)),
    "without a batch": ("RGB", "NCHW", (3, 6, 8), (3, 6, 8)),
    "without a batch, channels last": ("BGR", "NHWC", (6, 8, 3), (6, 8, 3)),
    "grey without channels": ("Gray", "NCHW", (ANY, 6, 8), (1, 6, 8)),
    "grey without channels, channels last": ("Gray", "NHWC", (ANY, 6, 8), (1, 6, 8)),
    "grey without a batch": ("Gray", "NHWC", (6, 8, 1), (6, 8, 1)),
    "grey, height and width alone": ("Gray", "NCHW", (6, 8), (6, 8)),
    "every dimension open": ("RGB", "NCHW", (ANY, ANY, ANY, ANY), (1, 3, 6, 8)),
}


@pytest.mark.parametrize(("color", "layout", "shape", "expected"), SHAPES.values(), ids=SHAPES)
def test_the_tensor_has_the_models_rank(
    color: str, layout: str, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert prepare(pixels(WIDTH, HEIGHT), shape, color=color, layout=layout).array.shape == expected


def test_a_model_of_any_size_takes_the_pictures_own() -> None:
    assert prepare(pixels(5, 4), (ANY, 3, ANY, ANY), resize="Letterbox").array.shape == (1, 3, 4, 5)


def test_the_spec_says_the_size_where_the_model_does_not() -> None:
    made = prepare(pixels(5, 4), (ANY, 3, ANY, ANY), resize="Stretch", width=10, height=12)
    assert made.array.shape == (1, 3, 12, 10)


def test_a_model_of_any_size_has_a_limit() -> None:
    with pytest.raises(BadRequest) as caught:
        prepare_picture(
            Picture.from_array(pixels(5, 4)), ImageInput(), TensorSpec("x", "FP32", (-1, 3, -1, -1)), PATH, elements=59
        )
    assert str(caught.value) == f"{PATH}: a picture of 5 x 4 pixels makes a tensor of more than 59 elements"


MISFITS = {
    "channels": (
        "FP32",
        (ANY, 4, 6, 8),
        {},
        "input x is a picture in RGB and NCHW, which does not fit the model's shape [-1, 4, 6, 8]",
    ),
    "rank": (
        "FP32",
        (ANY, 144),
        {},
        "input x is a picture in RGB and NCHW, which does not fit the model's shape [-1, 144]",
    ),
    "size": (
        "FP32",
        (ANY, 3, 6, 8),
        {"width": 6, "height": 8},
        "input x is a picture of 6 x 8 pixels, which does not fit the model's shape [-1, 3, 6, 8]",
    ),
    "dtype": ("BYTES", (ANY, 3, 6, 8), {}, "a picture cannot be a tensor of BYTES"),
}


@pytest.mark.parametrize(("dtype", "shape", "spec", "message"), MISFITS.values(), ids=MISFITS)
def test_a_spec_that_does_not_fit_the_model_is_no_fault_of_the_caller(
    dtype: str, shape: tuple[int, ...], spec: dict[str, Any], message: str
) -> None:
    with pytest.raises(InternalError) as caught:
        prepare(pixels(WIDTH, HEIGHT), shape, dtype, **spec)
    assert str(caught.value) == f"spec.io: {message}"


def test_a_picture_can_be_stretched_before_all_this() -> None:
    array = pixels(10, 5)
    assert (Picture.from_array(array).stretched((4, 3)).array == resized(array, 4, 3)).all()
