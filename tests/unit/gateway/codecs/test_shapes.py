"""An array's shape against what a model declares."""

from __future__ import annotations

import numpy as np
import pytest

from modelport.gateway.codecs.shapes import check_shape, fits
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import TensorSpec


@pytest.mark.parametrize(
    ("shape", "declared", "answer"),
    [((), (), True), ((3,), (-1,), True), ((3, 2), (-1, 2), True), ((3,), (), False), ((3, 2), (-1, 3), False)],
)
def test_fits(shape: tuple[int, ...], declared: tuple[int, ...], answer: bool) -> None:
    assert fits(shape, declared) is answer


def test_the_message_names_both_shapes() -> None:
    with pytest.raises(BadRequest, match=r"^inputs\.x: expected shape \[\?, 3\], got \[2\]$"):
        check_shape(np.zeros(2), TensorSpec("x", "FP64", (-1, 3)), "inputs.x")
