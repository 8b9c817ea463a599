"""The answer: a list with one list of class scores for each picture, in the pictures' order.

The document: "Web サービスからのシリアル化された結果を解析する".
"""

from __future__ import annotations

import numpy as np

from modelport.gateway.codecs.numbers import array_to_json
from modelport.gateway.formats.azureml.request import Asked
from modelport.gateway.formats.base import Reply
from modelport.gateway.tasks.classification import class_scores
from modelport.gateway.tensors import Array, InferResult


def encode_scores(result: InferResult, asked: Asked) -> Reply:
    """Word the scores; a score that is not finite is null, which every JSON parser reads."""
    if not asked.softmax:
        return Reply(body=b"[]")
    scores = class_scores(result.outputs, asked.output, len(asked.softmax))
    rows = (softmax(row) if wanted else row for row, wanted in zip(scores, asked.softmax, strict=True))
    return Reply(body=b"[%s]" % b",".join(array_to_json(row, constants=False) for row in rows))


def softmax(scores: Array) -> Array:
    """Return exp(scores) as shares of their sum, [classes], float32 or, where the scores need it, float64.

    Every share is NaN where a score is NaN or positive infinity.
    """
    with np.errstate(invalid="ignore", under="ignore"):
        powers = np.exp(scores.astype(np.float64) - scores.max())
        shares: Array = powers / powers.sum()
    return shares.astype(np.promote_types(np.float32, scores.dtype))
