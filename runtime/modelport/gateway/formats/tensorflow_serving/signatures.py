"""Signatures: TensorFlow Serving's names for a model's tensors. Triton has none, so the resource declares them.

`spec.io.signatures` is joined here with what one version of the model says of its tensors. `serving_default` is always
there: where the resource does not declare it, it is method Predict with the model's own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelport.api.io import Signature as Declared
from modelport.api.io import SignatureMethod
from modelport.gateway.codecs.words import describe, one_of, quote
from modelport.gateway.errors import BadRequest, InternalError
from modelport.gateway.formats.base import Model
from modelport.gateway.tensors import TensorSpec

DEFAULT = "serving_default"

VERBS: Mapping[SignatureMethod, str] = {"Predict": "predict", "Classify": "classify", "Regress": "regress"}
"""The verb of the address that calls a signature of each method."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of one version of a model."""

    name: str
    method: SignatureMethod
    inputs: Mapping[str, TensorSpec]
    """By the name that requests use; the spec's own name is the model's."""
    outputs: Mapping[str, TensorSpec]
    """By the name that answers use."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values for features that an example may leave out."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """The model's outputs that the signature needs."""
        return tuple(dict.fromkeys(spec.name for spec in self.outputs.values()))


def all_signatures(model: Model) -> tuple[Signature, ...]:
    """Return every signature of the model, `serving_default` among them."""
    declared = tuple(_join(each, model) for each in model.spec.io.signatures)
    return declared if any(each.name == DEFAULT for each in declared) else (_default(model), *declared)


def find_signature(name: Any, method: SignatureMethod, model: Model) -> Signature:
    """Return the signature that a request names, which must have the method that the address calls.

    Args:
        name: the request's `signature_name`; an empty string for the default.
        method: what the address calls.
        model: the model and its version.

    Raises:
        BadRequest: not a string, no such signature, or one of another method.
        InternalError: the resource declares it with tensors that the model does not have.
    """
    if not isinstance(name, str):
        raise BadRequest(f"signature_name: expected a string, got {describe(name)}")
    name = name or DEFAULT
    declared = next((each for each in model.spec.io.signatures if each.name == name), None)
    if declared is None and name != DEFAULT:
        known = dict.fromkeys((DEFAULT, *(each.name for each in model.spec.io.signatures)))
        raise BadRequest(f"signature_name: there is no {quote(name)}, known: {one_of(tuple(known))}")
    signature = _default(model) if declared is None else _join(declared, model)
    if signature.method != method:
        raise BadRequest(
            f"signature_name: {quote(name)} has the method {signature.method}, "
            f"call :{VERBS[signature.method]} instead of :{VERBS[method]}"
        )
    return signature


def _default(model: Model) -> Signature:
    return Signature(DEFAULT, "Predict", model.meta.inputs, model.meta.outputs)


def _join(declared: Declared, model: Model) -> Signature:
    where = f"spec.io.signatures[{declared.name}]"
    return Signature(
        declared.name,
        declared.method,
        _rename(declared.inputs, model.meta.inputs, f"{where}.inputs"),
        _rename(declared.outputs, model.meta.outputs, f"{where}.outputs"),
        declared.defaults,
    )


def _rename(names: Mapping[str, str], tensors: Mapping[str, TensorSpec], where: str) -> Mapping[str, TensorSpec]:
    if not names:
        return tensors
    try:
        return {name: tensors[tensor] for name, tensor in names.items()}
    except KeyError as error:
        raise InternalError(f"{where}: the model has no tensor {error}, it has {one_of(tuple(tensors))}") from error
