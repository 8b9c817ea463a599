"""What every block of the resource is made of: a frozen, strict object, and the rules that join its fields.

The types of this package are the one source of the resource. `schema.py` makes the CustomResourceDefinition from them,
`reference.py` the page for people, `parse.py` reads manifests into them. A field's docstring is its description in all
three; it is written for a reader of `kubectl explain`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python


class Rule(NamedTuple):
    """What fields must be together: a CEL expression over `self`, as Kubernetes evaluates it, and `cel.py` off it.

    A rule that names `oldSelf` is about a change, and holds wherever there is nothing older.
    """

    rule: str
    message: str
    field_path: str = ""
    """The field to blame, relative to the block, as in `.instances`; empty for the block itself."""


class Frozen(BaseModel):
    """A block of the resource. YAML names are the camelCase of the Python names."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        defer_build=True,  # a tenth of a gateway's start; several threads may build at once from pydantic 2.14 on
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    def present(self) -> Iterator[tuple[str, Any]]:
        """Yield the YAML name and the value of every field that is there, as the API server sees it.

        A field is there if it was given or is filled in by a default; a Python default of "nothing" is not there.
        """
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is not None and (name in self.model_fields_set or default_of(field) is not None):
                yield str(field.alias), value

    def to_manifest(self) -> dict[str, Any]:
        """Return the block as it stands in YAML: camelCase names, plain values, nothing that is absent."""
        return {name: _plain(value) for name, value in self.present()}


def _plain(value: Any) -> Any:
    match value:
        case Frozen():
            return value.to_manifest()
        case tuple():
            return [_plain(entry) for entry in value]
        case _:
            return to_jsonable_python(value)


def default_of(field: FieldInfo) -> Any:
    """Return the field's default as the API server fills it in, or None if it fills in nothing.

    Nothing is filled in for what may be absent or empty. A block's default names the defaults of its own fields, since
    the API server does not look for them once a block's default is taken.
    """
    default = field.get_default(call_default_factory=True)
    match default:
        case Frozen():
            return defaults_of(type(default)) or None
        case tuple() | Mapping():
            return list(default) or None
        case _:
            return None if default in (PydanticUndefined, "") else default


def defaults_of(block: type[Frozen]) -> dict[str, Any]:
    """Return the defaults of the block's fields by YAML name, of those that have one."""
    defaults = {str(field.alias): default_of(field) for field in block.model_fields.values()}
    return {name: default for name, default in defaults.items() if default is not None}
