"""A model of two inputs, as the Neural Network Console document's x1 and x2: a picture, and a number beside it.

The answer is the share of the picture's pixels that are brighter than x2, from 0 to 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BRIGHTNESS = """
<ir_version: 8, opset_import: ["": 17]>
brightness (float[batch, 3, 240, 240] x1, float[batch, 1] x2) => (float[batch, 1] y)
<int64[2] spatial = {2, 3}>
{
    strongest = ReduceMax<axes: ints = [1]>(x1)
    threshold = Unsqueeze(x2, spatial)
    is_brighter = Greater(strongest, threshold)
    brighter = Cast<to: int = 1>(is_brighter)
    y = ReduceMean<axes: ints = [2, 3], keepdims: int = 0>(brighter)
}
"""


def draw_picture() -> Array:
    """Return a picture, uint8 [240, 240, 3]: the left quarter white, the next quarter dark blue, the rest black."""
    picture = np.zeros((240, 240, 3), np.uint8)
    picture[:, :60] = 255
    picture[:, 60:120, 2] = 102
    return picture
