"""BYTES arrays to JSON text: as strings, or as `{"b64": …}` where they are no text."""

from __future__ import annotations

import json

import numpy as np

from modelport.gateway.codecs import base64
from modelport.gateway.codecs.arrays import B64
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
    written = np.empty(array.size, np.object_)
    try:
        written[:] = [{B64: base64.encode(each)} if b64 else each.decode() for each in array.flat]
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path}: the output holds bytes that are not UTF-8 text{hint}") from error
    return json.dumps(written.reshape(array.shape).tolist(), ensure_ascii=False).encode()
