"""BYTES arrays to JSON text: as strings, or as `{"b64": …}` where they are no text."""

from __future__ import annotations

import math

from modelport.gateway.codecs import base64
from modelport.gateway.codecs.arrays import B64
from modelport.gateway.codecs.json import dumps
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import Array


def strings_to_json(array: Array, path: str, *, b64: bool, hint: str = "") -> bytes:
    """Write an array of BYTES as nested JSON lists, with a space behind each comma and colon; rank 0 as a bare value.

    Args:
        array: of `bytes` elements.
        path: of the array, for messages.
        b64: write every element as `{"b64": …}`, else as a string.
        hint: what to do about an element that is not UTF-8.

    Raises:
        BadRequest: an element is to be a string and is not UTF-8.
    """
    elements = array.reshape(-1).tolist()
    try:
        texts = [(_b64 if b64 else _string)(each) for each in elements]
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path}: the output holds bytes that are not UTF-8 text{hint}") from error
    return _nested(texts, array.shape)


def _b64(element: bytes) -> bytes:
    return f'{{"{B64}": "{base64.encode(element)}"}}'.encode()  # nothing in it needs an escape


def _string(element: bytes) -> bytes:
    return dumps(element.decode())


def _nested(texts: list[bytes], shape: tuple[int, ...]) -> bytes:
    """Write the elements of an array, in C order, as lists of that shape."""
    for axis in reversed(range(len(shape))):
        width, rows = shape[axis], math.prod(shape[:axis])
        texts = [b"[%s]" % b", ".join(texts[row * width : (row + 1) * width]) for row in range(rows)]
    return texts[0]
