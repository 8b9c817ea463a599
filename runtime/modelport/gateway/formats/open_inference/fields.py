"""The small parts of a request's JSON: untrusted values to typed ones, each with its path in the message."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from modelport.gateway.codecs.number_list import is_list
from modelport.gateway.codecs.words import describe, member, one_of
from modelport.gateway.errors import BadRequest

Parameter = bool | int | float | str
"""What a parameter's value may be ("Parameters" in `inference_rest.md`)."""

INT64 = 2**63 - 1

SHARED_MEMORY = "shared_memory_"
"""How the parameters of the shared memory extension begin."""

RESERVED = "triton_"
"""How parameters begin that Triton keeps for itself (`extension_parameters.md`)."""


def read_object(value: Any, path: str, *, required: bool = False) -> Mapping[str, Any]:
    """Return an object; null is an empty one unless it is required."""
    if value is None and not required:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"{path}: expected an object, got {describe(value)}")
    return value


def read_list(value: Any, path: str) -> Sequence[Any]:
    """Return a list, which may be empty."""
    if not is_list(value):
        raise BadRequest(f"{path}: expected a list, got {describe(value)}")
    return value


def read_text(value: Any, path: str) -> str:
    """Return a string; null is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"{path}: expected a string, got {describe(value)}")
    return value


def read_name(tensor: Mapping[str, Any], path: str, known: Collection[str], seen: Collection[str], what: str) -> str:
    """Return the name of a tensor: one that the model has, and for the first time."""
    name, path = tensor.get("name"), member(path, "name")
    if not isinstance(name, str) or name not in known:
        raise BadRequest(f"{path}: expected one of the model's {what}s {one_of(tuple(known))}, got {describe(name)}")
    if name in seen:
        raise BadRequest(f"{path}: the {what} {name!r} is named twice")
    return name


def read_flag(parameters: Mapping[str, Any], name: str, path: str) -> bool | None:
    """Return a parameter that is true or false; None where it is absent."""
    value = parameters.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{member(path, name)}: expected true or false, got {describe(value)}")
    return value


def read_size(parameters: Mapping[str, Any], name: str, path: str) -> int | None:
    """Return a parameter that counts something; None where it is absent."""
    value = parameters.get(name)
    if value is not None and not _is_size(value):
        raise BadRequest(f"{member(path, name)}: expected an integer from 0, got {describe(value)}")
    return value


def refuse_shared_memory(parameters: Mapping[str, Any], path: str, instead: str) -> None:
    """Raise BadRequest where a tensor is said to lie in shared memory."""
    for name in parameters:
        if name.startswith(SHARED_MEMORY):
            raise BadRequest(f"{member(path, name)}: shared memory is not offered, {instead} the tensor in the body")


def read_parameters(given: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return the request's parameters that are for Triton: its own, each of its kind, and the model's, of any kind."""
    return {name: _read_parameter(name, value) for name, value in given.items() if name != "binary_data_output"}


def _read_parameter(name: str, value: Any) -> Parameter:
    path = member("parameters", name)
    if name.startswith(RESERVED) or name == "headers":
        raise BadRequest(f"{path}: the name is reserved")
    fits, expected = _KINDS.get(name, _ANY_KIND)
    if not fits(value):
        raise BadRequest(f"{path}: expected {expected}, got {describe(value)}")
    kept: Parameter = value
    return kept


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= INT64


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, str) or _is_size(value)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, bool | float | str) or (isinstance(value, int) and -INT64 - 1 <= value <= INT64)


_ANY_KIND: tuple[Callable[[Any], bool], str] = (_is_scalar, "a string, true, false or a number of 64 bits")
_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "sequence_id": (_is_sequence, "an integer from 0 or a string"),
    "sequence_start": (_is_flag, "true or false"),
    "sequence_end": (_is_flag, "true or false"),
    "priority": (_is_size, "an integer from 0"),
    "timeout": (_is_size, "microseconds, an integer from 0"),
}
"""Triton's own parameters (`extension_sequence.md`, `extension_schedule_policy.md`)."""
