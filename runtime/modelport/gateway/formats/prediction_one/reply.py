"""The answer of an inference: the predictions as a table in CSV, and as another one what each column contributed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from modelport.gateway.codecs import base64
from modelport.gateway.codecs.cells import number_cells
from modelport.gateway.codecs.csv import write_csv
from modelport.gateway.codecs.json import dumps
from modelport.gateway.formats.base import Model, Reply
from modelport.gateway.formats.prediction_one.columns import column_names
from modelport.gateway.formats.prediction_one.request import CSV, PREDICTION, Asked
from modelport.gateway.tasks.predictions import class_name
from modelport.gateway.tasks.tabular import Predictions, classify, contributions, prediction_output, regress
from modelport.gateway.tensors import InferResult

ANALYSIS = "prediction_analysis"
ROW = "row"

Column = tuple[str, Iterable[str]]
"""A heading and the cells below it."""


def encode_answer(result: InferResult, asked: Asked, model: Model) -> Reply:
    """Word the model's outputs, with a line for each row of the request's table."""
    rows, name = len(asked.table.rows), prediction_output(model.meta)
    if model.spec.io.task == "TabularRegression":
        predictions = regress(result.outputs, name, rows)
    else:
        predictions = classify(result.outputs, name, rows, model.labels)
    outputs = [_output(PREDICTION, _prediction_columns(predictions, asked, model.labels))]
    if asked.reasons:
        outputs.append(_output(ANALYSIS, _reason_columns(result, predictions, asked, model)))
    return Reply(body=dumps({"outputs": outputs}))


def _output(name: str, columns: Sequence[Column]) -> dict[str, str]:
    data = write_csv([heading for heading, _ in columns], [cells for _, cells in columns])
    return {"name": name, "type": CSV, "data": base64.encode(data)}


def _prediction_columns(predictions: Predictions, asked: Asked, labels: Sequence[str]) -> list[Column]:
    own = [(asked.heading, predictions.values), *_probabilities(predictions, asked, labels)]
    numbers = list(_row_numbers(asked))
    taken = {heading for heading, _ in (*numbers, *own)}
    # A column of the answer's own name is left out, so that no name stands twice: the target of a training table, say.
    repeated = [(name, cells) for name, cells in _inputs(asked) if name not in taken]
    return [*numbers, *repeated, *own]


def _row_numbers(asked: Asked) -> Iterator[Column]:
    if asked.rows:
        yield ROW, map(str, range(1, len(asked.table.rows) + 1))


def _inputs(asked: Asked) -> Iterator[Column]:
    if asked.inputs:
        yield from zip(asked.table.header, zip(*asked.table.rows, strict=True), strict=True)


def _probabilities(predictions: Predictions, asked: Asked, labels: Sequence[str]) -> Iterator[Column]:
    if asked.classes and predictions.probabilities is not None:
        for number, chances in enumerate(predictions.probabilities.T):
            yield f"probability_{class_name(number, labels)}", number_cells(chances)


def _reason_columns(result: InferResult, predictions: Predictions, asked: Asked, model: Model) -> list[Column]:
    names = column_names(model)
    parts = contributions(result.outputs, predictions.classes, len(names))
    return [*_row_numbers(asked), *((name, number_cells(part)) for name, part in zip(names, parts.T, strict=True))]
