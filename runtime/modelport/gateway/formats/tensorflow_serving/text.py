"""The JSON text around the numbers, laid out as TensorFlow Serving prints it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelport.gateway.codecs import json as codec
from modelport.gateway.codecs.numbers import array_to_json
from modelport.gateway.codecs.strings import strings_to_json
from modelport.gateway.codecs.words import describe
from modelport.gateway.errors import BadRequest
from modelport.gateway.tensors import Array

_BYTES_SUFFIX = "_bytes"
_BYTES_HINT = f": name the output with the suffix {_BYTES_SUFFIX} in spec.io.signatures to have base64"


def read_object(body: bytes, depth: int) -> dict[str, Any]:
    """Read a request's body, which must be a JSON object; raise BadRequest."""
    value = codec.loads(body, constants=True, depth=depth, number_lists=True)
    if not isinstance(value, dict):
        raise BadRequest(f"body: expected a JSON object, got {describe(value)}")
    return value


def tensor_text(array: Array, name: str) -> bytes:
    """Write one output; strings whose output's name ends in `_bytes` as `{"b64": …}`.

    Raises:
        BadRequest: a string of another output is not UTF-8.
    """
    if array.dtype.kind == "O":
        return strings_to_json(array, name, b64=name.endswith(_BYTES_SUFFIX), hint=_BYTES_HINT)
    return array_to_json(array, constants=True).replace(b",", b", ")


def single(key: str, text: bytes) -> bytes:
    """Lay out an answer of one value: `{"predictions": [3.5, 4.0, 5.5]}`, on three lines."""
    return b'{\n    "%s": %s\n}' % (key.encode(), text)


def members(texts: Mapping[str, bytes], indent: int) -> bytes:
    """Lay out an object of named values, one a line, closed at `indent` spaces."""
    pad = b" " * indent
    lines = b",\n".join(b"%s    %s: %s" % (pad, json.dumps(name).encode(), text) for name, text in texts.items())
    return b"{\n%s\n%s}" % (lines, pad)


def objects(rows: Sequence[Mapping[str, bytes]]) -> bytes:
    """Lay out a list of objects of named values."""
    if not rows:
        return b"[]"
    return b"[\n%s\n    ]" % b",\n".join(b"        " + members(row, 8) for row in rows)


def error_text(message: str) -> bytes:
    """Lay out an error."""
    return b'{ "error": %s }' % json.dumps(message, ensure_ascii=False).encode(errors="replace")
