"""What every block of the resource is made of: a frozen, strict object, and the rules that join its fields.

The types of this package are the one source of the resource. `schema.py` makes the CustomResourceDefinition from them,
`reference.py` the page for people, `parse.py` reads manifests into them. A field's docstring is its description in all
three; it is written for a reader of `kubectl explain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined


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
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    def to_manifest(self) -> dict[str, Any]:
        """Return the block as it stands in YAML: camelCase names, plain values, nothing that is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


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
            return None if default is PydanticUndefined else default


def defaults_of(block: type[Frozen]) -> dict[str, Any]:
    """Return the defaults of the block's fields by YAML name, of those that have one."""
    defaults = {str(field.alias): default_of(field) for field in block.model_fields.values()}
    return {name: default for name, default in defaults.items() if default is not None}
