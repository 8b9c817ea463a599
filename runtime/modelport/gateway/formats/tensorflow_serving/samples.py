"""A request of each verb for one signature, with made-up values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.gateway.formats.base import Model
from modelport.gateway.formats.examples import Example, declared_input, refuse_sequences
from modelport.gateway.formats.tensorflow_serving.signatures import DEFAULT, Signature
from modelport.gateway.samples import NoSample, sample_values
from modelport.gateway.tensors import ANY


def sample_predict(signature: Signature, model: Model) -> Example:
    """Return one row, or columns where an input of the model has no rows."""
    columns = _columns(signature, model)
    if not all(spec.shape[:1] == (ANY,) for spec in signature.inputs.values()):
        return _named(signature, {"inputs": columns})
    if len(columns) == 1:
        return _named(signature, {"instances": next(iter(columns.values()))})
    return _named(signature, {"instances": _rows(columns)})


def sample_features(signature: Signature, model: Model) -> Example:
    """Return one example, for `:classify` and `:regress`."""
    for name, spec in signature.inputs.items():
        if not spec.shape:
            raise NoSample(f"input {name} has no rows")
    return _named(signature, {"examples": _rows(_columns(signature, model))})


def _columns(signature: Signature, model: Model) -> Mapping[str, Any]:
    refuse_sequences(model)
    return {
        name: sample_values(spec, declared_input(model, spec.name))  # the signature may give it another name
        for name, spec in signature.inputs.items()
    }


def _rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=False)]


def _named(signature: Signature, request: Mapping[str, Any]) -> Example:
    return Example({**({} if signature.name == DEFAULT else {"signature_name": signature.name}), **request})
