"""Two sample models for tables, fitted with numpy on rows that are made up here.

`deliveries`: will a parcel be late? A logistic regression on two numbers and a word. A missing number counts as the
mean, and a missing or unknown carrier as the average one. The model says what each column adds to the score of each
class, and the scores are the sums of these.

`minutes`: how long will it take? A linear regression whose one input holds all columns, which are numbers.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LABELS = ("on_time", "late")
CARRIERS = ("bike", "van", "truck")
COLUMNS = ("distance_km", "weight_kg", "carrier")

DELIVERIES = """
<ir_version: 9, opset_import: ["": 19]>
deliveries (float[batch] distance_km, float[batch] weight_kg, string[batch] carrier)
    => (float[batch, 2] probabilities, float[batch, 2, 3] contributions)
<int64[1] middle = {1}, int64[1] last = {2}, string[3] carriers = {"bike", "van", "truck"}>
{
    distance = Unsqueeze(distance_km, middle)
    weight = Unsqueeze(weight_kg, middle)
    numbers = Concat<axis: int = 1>(distance, weight)
    missing = IsNaN(numbers)
    filled = Where(missing, mean, numbers)
    centred = Sub(filled, mean)
    scaled = Div(centred, deviation)
    scaled_rows = Unsqueeze(scaled, middle)
    of_numbers = Mul(scaled_rows, number_weights)

    carrier_column = Unsqueeze(carrier, middle)
    is_carrier = Equal(carrier_column, carriers)
    carrier_rows = Cast<to: int = 1>(is_carrier)
    carrier_scores = MatMul(carrier_rows, carrier_weights)
    of_carrier = Unsqueeze(carrier_scores, last)

    contributions = Concat<axis: int = 2>(of_numbers, of_carrier)
    sums = ReduceSum<keepdims: int = 0>(contributions, last)
    scores = Add(sums, bias)
    probabilities = Softmax<axis: int = 1>(scores)
}
"""

MINUTES = """
<ir_version: 8, opset_import: ["": 17]>
minutes (float[batch, 3] features) => (float[batch, 1] minutes)
{
    missing = IsNaN(features)
    filled = Where(missing, mean, features)
    minutes = Gemm(filled, weights, bias)
}
"""

TABLE = """\
parcel,distance_km,weight_kg,carrier
A-17,4.2,1.5,bike
A-18,88,24.5,bike
A-19,61.5,12,truck
A-20,,8,van
A-21,30,18,
"""
"""Rows as a client sends them: a column that the model does not take, a missing number and a missing carrier."""


def make_up(rng: np.random.Generator, count: int) -> tuple[Array, Array, Array]:
    """Make up deliveries: numbers float64 [count, 2], carriers int64 [count], -1 where missing, and classes [count]."""
    numbers = rng.uniform((1, 0.1), (100, 30), (count, 2))
    carriers = rng.integers(len(CARRIERS), size=count)
    effect = np.array([1.5, 0.0, -1.5])[carriers]
    score = 0.1 * (numbers[:, 0] - 50) + 0.15 * (numbers[:, 1] - 15) + effect
    classes = (score + rng.logistic(0, 0.5, count) > 0).astype(np.int64)
    numbers[rng.random(numbers.shape) < 0.03] = np.nan
    return numbers, np.where(rng.random(count) < 0.03, -1, carriers), classes


def fit_deliveries(rng: np.random.Generator) -> dict[str, Array]:
    """Fit the weights of `deliveries` by gradient descent: a tenth of a second on one core."""
    numbers, carriers, classes = make_up(rng, 2000)
    mean, deviation = np.nanmean(numbers, axis=0), np.nanstd(numbers, axis=0)
    scaled = np.nan_to_num((numbers - mean) / deviation)
    known = np.equal.outer(carriers, np.arange(len(CARRIERS))).astype(float)
    features = np.hstack([scaled, known - known.mean(axis=0), np.ones((len(classes), 1))])
    wanted = np.equal.outer(classes, np.arange(len(LABELS))).astype(float)
    weights = np.zeros((features.shape[1], len(LABELS)))
    for _ in range(500):
        weights -= features.T @ (softmax(features @ weights) - wanted) / len(classes)
    of_numbers, of_carriers, bias = weights[:2], weights[2:5], weights[5]
    return {
        "mean": mean.astype(np.float32),
        "deviation": deviation.astype(np.float32),
        "number_weights": of_numbers.T[np.newaxis].astype(np.float32),
        "carrier_weights": (of_carriers - of_carriers.mean(axis=0)).astype(np.float32),
        "bias": (bias + of_carriers.mean(axis=0) - known.mean(axis=0) @ of_carriers).astype(np.float32),
    }


def fit_minutes(rng: np.random.Generator) -> dict[str, Array]:
    """Fit how many minutes a kilometre, a kilogram and a floor take, by least squares."""
    features = rng.uniform((1, 0.1, 0), (100, 30, 8), (500, 3)).round(1)
    minutes = features @ (1.5, 0.2, 0.75) + 6 + rng.normal(0, 2, len(features))
    fitted, *_ = np.linalg.lstsq(np.hstack([features, np.ones((len(features), 1))]), minutes)
    return {
        "mean": features.mean(axis=0).astype(np.float32),
        "weights": fitted[:3, np.newaxis].astype(np.float32),
        "bias": fitted[3:].astype(np.float32),
    }


def softmax(scores: Array) -> Array:
    """Return the softmax of each row."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def request() -> bytes:
    """Return the body of a request with TABLE that asks for reasons and for the table's own columns."""
    table = {"name": "pr", "type": "csv", "data": base64.b64encode(TABLE.encode()).decode()}
    wishes = [{"name": name, "type": "boolean", "data": True} for name in ("ad", "ar")]
    return json.dumps({"inputs": [table, *wishes]}).encode()
