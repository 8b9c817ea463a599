"""Two models that find bright things in pictures of 64 x 64 pixels, by arithmetic alone: nothing is learnt.

`rectangles` has a raw head as YOLO v8 has: a candidate for each pixel, whose score is not 0 where a rectangle has its
upper left corner. `blobs` gives final boxes with masks: it numbers the connected bright areas, whatever their form.
Red, green and blue are the classes; how bright a thing is, is the confidence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SIDE = 64
LABELS = ("red", "green", "blue")
OBJECTS = 16
"""The most blobs in one picture."""

RECTANGLES = """
<ir_version: 8, opset_import: ["": 17]>
rectangles (float[batch, 3, 64, 64] images) => (float[batch, 7, 4096] output0)
<float half = {0.5}, float two = {2.0}, float side = {64.0}, int64[1] before = {3}, int64[3] flat = {0, 7, 4096}>
{
    bright = ReduceMax<axes: ints = [1]>(images)
    is_lit = Greater(bright, half)
    lit = Cast<to: int = 1>(is_lit)
    edge = Conv<pads: ints = [1, 1, 0, 0]>(lit, corner_kernel)
    corner = Relu(edge)

    rows = Unsqueeze(lit, before)
    far_row = Mul(rows, side)
    ahead_row = Add(far_row, ahead)
    next_row = ReduceMin<axes: ints = [4], keepdims: int = 0>(ahead_row)
    right = Min(next_row, side)
    turned = Transpose<perm: ints = [0, 1, 3, 2]>(lit)
    columns = Unsqueeze(turned, before)
    far_column = Mul(columns, side)
    ahead_column = Add(far_column, ahead)
    next_column = ReduceMin<axes: ints = [4], keepdims: int = 0>(ahead_column)
    below = Min(next_column, side)
    bottom = Transpose<perm: ints = [0, 1, 3, 2]>(below)

    width = Sub(right, x)
    height = Sub(bottom, y)
    sum_x = Add(right, x)
    sum_y = Add(bottom, y)
    centre_x = Div(sum_x, two)
    centre_y = Div(sum_y, two)
    scores = Mul(images, corner)
    head = Concat<axis: int = 1>(centre_x, centre_y, width, height, scores)
    output0 = Reshape(head, flat)
}
"""
"""`right` and `bottom` are where the bright run that a pixel stands in ends: the least place ahead that is dark."""

_SPREAD = """\
    near{i} = MaxPool<kernel_shape: ints = [3, 3], pads: ints = [1, 1, 1, 1]>(own{i})
    own{j} = Mul(near{i}, lit)"""
BLOBS = """
<ir_version: 8, opset_import: ["": 17]>
blobs (uint8[batch, 64, 64, 3] image)
    => (float[batch, 16, 4] boxes, float[batch, 16] scores, int64[batch, 16] classes, float[batch, 16, 64, 64] masks)
<float half = {0.5}, float white = {255.0}, float one = {1.0}, float zero = {0.0}, float side = {64.0},
 int64[1] first = {1}, int64[1] last = {2}, int64[2] two_last = {2, 3}, int64[1] objects = {16},
 int64[2] flat = {0, 4096}, int64[3] flat_pixels = {0, 4096, 3}, int64[3] flat_masks = {0, 16, 4096}>
{
    values = Cast<to: int = 1>(image)
    pixels = Div(values, white)
    bright = ReduceMax<axes: ints = [3], keepdims: int = 0>(pixels)
    is_lit = Greater(bright, half)
    lit_plane = Cast<to: int = 1>(is_lit)
    lit = Unsqueeze(lit_plane, first)
    own0 = Mul(lit, number)
SPREADING
    is_seed = Equal(own64, number)
    seed = Cast<to: int = 1>(is_seed)
    seeds = Mul(seed, number)
    seed_row = Reshape(seeds, flat)
    numbers, places = TopK<axis: int = 1>(seed_row, objects)
    of_object = Unsqueeze(numbers, two_last)
    is_part = Equal(own64, of_object)
    is_object = Greater(of_object, zero)
    is_mask = And(is_part, is_object)
    masks = Cast<to: int = 1>(is_mask)

    columns = ReduceMax<axes: ints = [2], keepdims: int = 0>(masks)
    rows = ReduceMax<axes: ints = [3], keepdims: int = 0>(masks)
    no_columns = Sub(one, columns)
    no_rows = Sub(one, rows)
    far_columns = Mul(no_columns, side)
    far_rows = Mul(no_rows, side)
    from_x = Add(far_columns, place)
    from_y = Add(far_rows, place)
    to_x = Mul(columns, next_place)
    to_y = Mul(rows, next_place)
    left = ReduceMin<axes: ints = [2]>(from_x)
    top = ReduceMin<axes: ints = [2]>(from_y)
    right = ReduceMax<axes: ints = [2]>(to_x)
    bottom = ReduceMax<axes: ints = [2]>(to_y)
    boxes = Concat<axis: int = 2>(left, top, right, bottom)

    mask_rows = Reshape(masks, flat_masks)
    pixel_rows = Reshape(pixels, flat_pixels)
    colours = MatMul(mask_rows, pixel_rows)
    classes = ArgMax<axis: int = 2, keepdims: int = 0>(colours)
    strongest = ReduceMax<axes: ints = [2], keepdims: int = 0>(colours)
    sizes = ReduceSum<keepdims: int = 0>(mask_rows, last)
    held_sizes = Max(sizes, one)
    scores = Div(strongest, held_sizes)
}
""".replace("SPREADING", "\n".join(_SPREAD.format(i=i, j=i + 1) for i in range(SIDE)))
"""Each bright pixel begins with a number of its own and takes the largest of its neighbours', 64 times; in the end a
blob has one number, that of its seed."""


def rectangles_weights() -> dict[str, Array]:
    """Return the tables that RECTANGLES needs."""
    place = np.arange(SIDE, dtype=np.float32)
    return {
        "corner_kernel": np.array([[0, -1], [-1, 1]], np.float32).reshape(1, 1, 2, 2),
        "ahead": (place + SIDE * (place < place[:, np.newaxis])).astype(np.float32),
        "x": place.reshape(1, 1, 1, SIDE),
        "y": place.reshape(1, 1, SIDE, 1),
    }


def blobs_weights() -> dict[str, Array]:
    """Return the tables that BLOBS needs."""
    place = np.arange(SIDE, dtype=np.float32)
    number = np.arange(1, SIDE * SIDE + 1, dtype=np.float32).reshape(1, 1, SIDE, SIDE)
    return {"number": number, "place": place, "next_place": place + 1}


def draw_rectangles() -> Array:
    """Return a picture, uint8 [96, 128, 3]: a red, a green and a blue rectangle on dark grey."""
    picture = np.full((96, 128, 3), 20, np.uint8)
    picture[8:40, 16:48] = (230, 0, 0)
    picture[16:32, 80:120] = (0, 204, 0)
    picture[56:88, 8:24] = (0, 0, 255)
    return picture


def draw_blobs() -> Array:
    """Return a picture, uint8 [96, 128, 3]: a green disc and a red ring on dark grey."""
    picture = np.full((96, 128, 3), 20, np.uint8)
    y, x = np.mgrid[:96, :128]
    from_left, from_right = np.hypot(x - 32, y - 48), np.hypot(x - 96, y - 48)
    picture[from_left <= 24] = (0, 204, 0)
    picture[(from_right <= 24) & (from_right >= 12)] = (230, 0, 0)
    return picture
