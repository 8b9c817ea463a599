"""What a model says of the rows of a table: a class with its probabilities, or a number; and each column's part in it.

The prediction is the model's only output, or its only one of floats: sklearn's exports give the class beside the
probabilities. `contributions` is no prediction wherever it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelport.gateway.codecs.cells import number_cells
from modelport.gateway.errors import InternalError
from modelport.gateway.tasks.classification import FLOATS, class_scores, probabilities
from modelport.gateway.tasks.outputs import misfit, numbers
from modelport.gateway.tasks.predictions import class_name
from modelport.gateway.tensors import Array, ModelMeta

CONTRIBUTIONS = "contributions"
"""The output with what each column adds to the prediction: [batch, columns], or [batch, classes, columns]."""

_FIELD = "spec.io.task: the prediction"
_NO_CLASS = -1


@dataclass(frozen=True, slots=True)
class Predictions:
    """What is said of each row, in the rows' order."""

    values: Sequence[str]
    """Names of classes or numbers, as cells; empty where the model gave no finite number."""
    classes: Array
    """Number of each row's class, int64 [rows]; 0 for a regression, -1 where there is no number."""
    probabilities: Array | None = None
    """Of each class [rows, classes], NaN where nothing is said; None where the model gives none."""


def prediction_output(meta: ModelMeta) -> str:
    """Return the name of the output with the prediction."""
    names = [name for name in meta.outputs if name != CONTRIBUTIONS]
    candidates = names if len(names) == 1 else [name for name in names if meta.outputs[name].dtype in FLOATS]
    if len(candidates) != 1:
        raise InternalError(
            f"{_FIELD}: expected one output, or one of floats, beside {CONTRIBUTIONS!r}; "
            f"the model has {', '.join(map(repr, meta.outputs))}"
        )
    return candidates[0]


def classify(outputs: Mapping[str, Array], name: str, rows: int, labels: Sequence[str]) -> Predictions:
    """Read an output of scores [rows, classes], of class numbers [rows] or of class names [rows]."""
    array = outputs[name]
    if array.dtype.kind == "O":
        return Predictions(_texts(_one_a_row(array, rows)), np.full(rows, _NO_CLASS))
    if array.dtype.kind in "iub" and array.size == rows:
        found = _one_a_row(array, rows).astype(np.int64)
        cells = [class_name(each, labels) if each >= 0 else str(each) for each in found.tolist()]
        return Predictions(cells, np.maximum(found, _NO_CLASS))
    scores = class_scores(outputs, name, rows)
    finite = np.asarray(np.isfinite(scores).all(axis=1, keepdims=True))
    chances = probabilities(np.where(finite, scores, 0))
    classes = np.where(finite[:, 0], chances.argmax(axis=1), _NO_CLASS)
    cells = ["" if each == _NO_CLASS else class_name(each, labels) for each in classes.tolist()]
    return Predictions(cells, classes, np.where(finite, chances, np.nan))


def regress(outputs: Mapping[str, Array], name: str, rows: int) -> Predictions:
    """Read an output of one number a row."""
    values = _one_a_row(numbers(outputs, name, _FIELD), rows)
    return Predictions(number_cells(values), np.zeros(rows, np.int64))


def contributions(outputs: Mapping[str, Array], classes: Array, columns: int) -> Array:
    """Return what each column adds to the prediction of each row [rows, columns], for the row's own class.

    Where nothing is said of a row and the model explains classes, the row is NaN.
    """
    field, rows = f"the output {CONTRIBUTIONS!r}", len(classes)
    array = numbers(outputs, CONTRIBUTIONS, field)
    if rows == 1 and array.shape[:1] != (1,):  # of a model that does not batch
        array = array[np.newaxis]
    if array.shape == (rows, columns):
        return array
    if array.ndim != 3 or array.shape[::2] != (rows, columns) or array.shape[1] <= classes.max(initial=0):
        raise misfit(field, f"[{rows}, {columns}] or [{rows}, classes, {columns}]", array)
    own = array[np.arange(rows), classes]
    return np.where((classes == _NO_CLASS)[:, np.newaxis], np.nan, own)


def _one_a_row(array: Array, rows: int) -> Array:
    if array.size != rows:
        raise misfit(_FIELD, f"one value for each of {rows} rows", array)
    return array.reshape(rows)


def _texts(array: Array) -> list[str]:
    try:
        return [each.decode() for each in array.tolist()]
    except UnicodeDecodeError as error:
        raise InternalError(f"{_FIELD}: expected names in UTF-8, the model gave other bytes") from error
