"""What pydantic found wrong with a manifest, as sentences for a person: the path, what was expected, what came."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from modelport.api.frozen import Frozen
from modelport.api.scalars import MEANINGS

Location = Sequence[int | str]


def problems_of(error: ValidationError, root: type[Frozen]) -> list[str]:
    """Return one sentence for each error that the validation of `root` found."""
    details = error.errors(include_url=False)
    return [_problem(detail, root) for detail in details if not _follows(detail, details)]


def _follows(detail: ErrorDetails, others: Sequence[ErrorDetails]) -> bool:
    """Tell whether a list only seems too short because the entries in it are wrong."""
    length = len(detail["loc"])
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > length and other["loc"][:length] == detail["loc"] for other in others
    )


def _problem(detail: ErrorDetails, root: type[Frozen]) -> str:
    path = path_of(detail["loc"]) or "the document"
    match detail["type"]:
        case "missing":
            return f"{path}: missing"
        case "extra_forbidden":
            return f"{path}: unknown field{_hint(detail['loc'], root)}"
        case "json_invalid":
            return f"not JSON: {detail.get('ctx', {}).get('error')}"
        case "doubled":
            return f"{path}: expected {detail['msg']}"
    word = _EXPECTED.get(detail["type"])
    expected = word(detail.get("ctx", {})) if word else detail["msg"]
    return f"{path}: expected {expected}, got {shown(detail['input'])}{_quoting(detail)}"


_A_TIME = "a time with its zone, such as 2027-01-01T00:00:00Z"

_EXPECTED: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "bool_type": lambda _: "true or false",
    "datetime_from_date_parsing": lambda _: _A_TIME,
    "datetime_parsing": lambda _: _A_TIME,
    "datetime_type": lambda _: _A_TIME,
    "dict_type": lambda _: "an object",
    "finite_number": lambda _: "a finite number",
    "float_type": lambda _: "a number",
    "greater_than": lambda context: f"more than {_number(context['gt'])}",
    "greater_than_equal": lambda context: f"at least {_number(context['ge'])}",
    "int_from_float": lambda _: "a whole number",
    "int_type": lambda _: "a whole number",
    "less_than_equal": lambda context: f"at most {_number(context['le'])}",
    "literal_error": lambda context: context["expected"].replace("'", ""),
    "mapping_type": lambda _: "an object",
    "model_type": lambda _: "an object",
    "string_pattern_mismatch": lambda context: MEANINGS.get(context["pattern"], f"text like {context['pattern']}"),
    "string_too_long": lambda context: f"at most {_count(context['max_length'], 'character')}",
    "string_too_short": lambda context: f"at least {_count(context['min_length'], 'character')}",
    "string_type": lambda _: "text",
    "too_long": lambda context: f"at most {context['max_length']} entries",
    "too_short": lambda context: f"at least {_count(context['min_length'], 'entry', 'entries')}",
    "tuple_type": lambda _: "a list",
    "timezone_aware": lambda _: _A_TIME,
}
"""By pydantic's name of the error: the words after "expected", from the error's context."""


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _number(value: float) -> str:
    return f"{int(value)}" if float(value).is_integer() and abs(value) < 1e15 else f"{value}"


def shown(value: object) -> str:
    """Return the value as JSON, briefly: what came is for recognition, not for reading."""
    if isinstance(value, Mapping):
        return "an object" if value else "an empty object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:58]}…{text[-1]}"


def _quoting(detail: ErrorDetails) -> str:
    """Say why text came as something else: YAML reads yes, no and numbers as such unless they are quoted."""
    value = detail["input"]
    if detail["type"] != "string_type" or isinstance(value, Mapping | list | tuple) or value is None:
        return ""
    return "; quote it (YAML reads y, n, yes, no, on and off as booleans)" if isinstance(value, bool) else "; quote it"


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def path_of(location: Location) -> str:
    """Return a location as a path, `spec.io.inputs[0].name`; a key that is no plain word stands in brackets."""
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{part}" if _PLAIN.fullmatch(part) else f"[{json.dumps(part)}]"
        for part in location
    )
    return "".join(parts).removeprefix(".")


def _hint(location: Location, root: type[Frozen]) -> str:
    """Name the field that was meant: one of the same block, else where a field of that name is."""
    *above, wrong = location
    block = _block_at(above, root)
    known = [str(field.alias) for field in block.model_fields.values()]
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(str(wrong).lower(), lower, n=1)
    if near:
        return f"; did you mean {lower[near[0]]}?"
    elsewhere = [
        path for path in _paths(root) if path.rpartition(".")[2] == wrong and path.startswith(f"{location[0]}.")
    ]
    if len(elsewhere) == 1:
        return f"; did you mean {elsewhere[0]}?"
    return f"; known here: {', '.join(known)}"


def _block_at(location: Location, root: type[Frozen]) -> type[Frozen]:
    block = root
    for part in location:
        field = next((field for field in block.model_fields.values() if field.alias == part), None)
        block = (field and block_in(field.annotation)) or block
    return block


def block_in(annotation: Any) -> type[Frozen] | None:
    """Return the block that an annotation such as `tuple[Input, ...] | None` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return annotation
    return next(filter(None, map(block_in, get_args(annotation))), None)


def _paths(block: type[Frozen], above: str = "") -> Iterator[str]:
    for field in block.model_fields.values():
        path = f"{above}.{field.alias}".removeprefix(".")
        yield path
        below = block_in(field.annotation)
        if below is not None:
            yield from _paths(below, path)
