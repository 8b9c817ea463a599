"""The answer of an inference: the model's outputs by name, in its own order, without the batch dimension.

The document: "API機能の実行" ("出力レイヤーの名称とデータなどがjson形式で返却されます").
"""

from __future__ import annotations

import orjson

from modelport.gateway.codecs.json import dumps
from modelport.gateway.codecs.numbers import array_to_json
from modelport.gateway.codecs.strings import strings_to_json
from modelport.gateway.errors import InternalError
from modelport.gateway.formats.base import Model, Reply
from modelport.gateway.formats.nnc.request import VECTOR
from modelport.gateway.tensors import Array, InferResult, ModelMeta


def encode_outputs(result: InferResult, model: Model) -> Reply:
    """Word the outputs; a value that is not finite is null, which every JSON parser reads."""
    outputs = []
    for name in model.meta.outputs:
        array = _only_row(result.outputs[name], name, model.meta)
        outputs.append({"name": name, "type": VECTOR, "shape": array.shape, "data": _nested_lists(array, name)})
    return Reply(body=dumps({"outputs": outputs}))


def _nested_lists(array: Array, name: str) -> orjson.Fragment:
    if array.dtype.kind == "O":
        return orjson.Fragment(strings_to_json(array, name, b64=False))
    return orjson.Fragment(array_to_json(array, constants=False))


def _only_row(array: Array, name: str, meta: ModelMeta) -> Array:
    """Take the batch dimension off; a scalar becomes a vector of one, as it is in requests."""
    if not meta.max_batch_size:
        return array
    if array.shape[:1] != (1,):
        raise InternalError(f"{name}: the model answered one input with shape {list(array.shape)}, not one row")
    return array if array.ndim == 1 else array.reshape(array.shape[1:])
