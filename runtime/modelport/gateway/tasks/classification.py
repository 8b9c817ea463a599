"""Scores of classes: which output holds them, as probabilities, and how much they leave in doubt."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modelport.gateway.errors import InternalError
from modelport.gateway.tasks.outputs import misfit, numbers
from modelport.gateway.tensors import Array, ModelMeta

FLOATS = frozenset({"FP16", "BF16", "FP32", "FP64"})
"""Data types in which models give scores."""
_FIELD = "spec.io.task: the scores"
_SUM_TOLERANCE = 1e-2
"""How far from 1 the sum of a row of probabilities may be, in float16 with thousands of classes."""


def scores_output(meta: ModelMeta) -> str:
    """Return the name of the output with the scores: the only one, or the only one of floats."""
    floats = [name for name, spec in meta.outputs.items() if spec.dtype in FLOATS]
    candidates = list(meta.outputs) if len(meta.outputs) == 1 else floats
    if len(candidates) != 1:
        raise InternalError(
            "spec.io.task: ImageClassification needs one output with the scores, "
            f"the model has {', '.join(map(repr, meta.outputs))}"
        )
    return candidates[0]


def class_scores(outputs: Mapping[str, Array], name: str, rows: int) -> Array:
    """Return the scores [rows, classes], whatever dimensions of size 1 the model puts around them."""
    scores = numbers(outputs, name, _FIELD)
    if rows == 1 and scores.shape[:1] != (1,):  # of a model that does not batch
        scores = scores[np.newaxis]
    if scores.shape[:1] != (rows,) or not scores.size or sum(size > 1 for size in scores.shape[1:]) > 1:
        raise misfit(_FIELD, f"[{rows}, classes]", scores)
    return scores.reshape(rows, -1)


def probabilities(scores: Array) -> Array:
    """Return the probabilities [..., classes] of one or more rows of scores, each row by itself.

    Scores that are probabilities already stay as they are; others, logits, go through softmax. A single score is the
    probability of the second of two classes, as a sigmoid gives it.

    Raises:
        InternalError: a score is not finite, or a single one is no probability.
    """
    if not np.isfinite(scores).all():
        raise InternalError(f"{_FIELD}: expected finite numbers, the model gave others")
    if scores.shape[-1] == 1:
        if (beyond := scores[(scores < 0) | (scores > 1)]).size:
            raise InternalError(
                f"{_FIELD}: expected a single one to be a probability, 0 to 1, the model gave {beyond.tolist()[0]}"
            )
        return np.concatenate([1 - scores, scores], axis=-1)
    sums = scores.sum(axis=-1, keepdims=True, dtype=np.float64)
    given = (scores.min(axis=-1, keepdims=True) >= 0) & (np.abs(sums - 1) <= _SUM_TOLERANCE)
    return scores if given.all() else np.where(given, scores, softmax(scores))


def softmax(scores: Array) -> Array:
    """Return the softmax of each row [..., classes], in its own float type; float64 for integers."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def entropy(chances: Array) -> float:
    """Return the doubt that probabilities leave: their entropy over that of equal ones, 0 to 1."""
    chances = chances[chances > 0].astype(np.float64)
    return float(-(chances * np.log(chances)).sum())


def doubt(chances: Array) -> float:
    """Return the entropy of the classes' probabilities over its largest value: 0 is sure, 1 is a guess."""
    return min(1.0, max(0.0, entropy(chances) / float(np.log(chances.size)))) if chances.size > 1 else 0.0


def binary_doubt(chance: float) -> float:
    """Return the same for a yes and a no of which one has this probability."""
    return doubt(np.array([chance, 1 - chance]))
