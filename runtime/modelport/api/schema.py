"""The types into the CustomResourceDefinition: `python -m modelport.api.schema > crds/publishedmodels.yaml`.

Kubernetes wants a structural schema: no references, no nulls, a type everywhere, defaults written out. What pydantic
says of the types is brought into that form; descriptions come from the fields' docstrings and rules from the blocks.
"""

from __future__ import annotations

import sys
from typing import Any

import yaml
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from modelport.api import names
from modelport.api.docstrings import descriptions_of, summary_of
from modelport.api.frozen import Frozen, Rule, default_of
from modelport.api.model import PublishedModel, PublishedModelSpec
from modelport.api.status import Status

MAX_BYTES = 256 * 1024
"""Below it the definition fits into the annotation that `kubectl apply` keeps."""

Schema = dict[str, Any]

_KEY_ORDER = (
    "description",
    "type",
    "format",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "default",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
    "required",
    "properties",
    "additionalProperties",
    "items",
)
"""Every key that a schema of ours has, in the order in which it is printed."""


def build_crd() -> dict[str, Any]:
    """Return the CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.PLURAL}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                "plural": names.PLURAL,
                "singular": names.SINGULAR,
                "shortNames": [names.SHORT_NAME],
                "categories": [names.CATEGORY],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.execution.instances",
                            "statusReplicasPath": ".status.instances",
                            "labelSelectorPath": ".status.selector",
                        },
                    },
                    "schema": {"openAPIV3Schema": _root()},
                }
            ],
        },
    }


_COLUMNS = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("State", "string", ".status.state", 0),
    ("Instances", "string", ".status.instanceSummary", 0),
    ("URL", "string", ".status.url", 0),
    ("Next", "string", ".status.schedule.nextTransition", 0),
    ("Version", "string", ".status.model.version", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("GPU", "string", ".status.gpu", 1),
    ("APIs", "string", ".status.apiSummary", 1),
    ("Message", "string", '.status.conditions[?(@.type=="Ready")].message', 1),
)
"""What `kubectl get` prints: name, type, path, and priority 1 for `-o wide`. Next is text: kubectl cannot print a date
that lies ahead."""


def _column(name: str, kind: str, path: str, priority: int) -> dict[str, Any]:
    return {"name": name.upper(), "type": kind, "jsonPath": path} | ({"priority": priority} if priority else {})


def _root() -> Schema:
    return {
        "description": summary_of(PublishedModel),
        "type": "object",
        "x-kubernetes-validations": [_validation(rule) for rule in PublishedModel.rules],
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"Version of this schema: {names.API_VERSION}."},
            "kind": {"type": "string", "description": f"Kind of the object: {names.KIND}."},
            "metadata": {"type": "object"},
            "spec": {"description": summary_of(PublishedModelSpec)} | build_schema(PublishedModelSpec),
            "status": {"description": summary_of(Status)} | build_schema(Status),
        },
    }


def build_schema(block: type[Frozen]) -> Schema:
    """Return the structural schema of a block."""
    made = TypeAdapter(block).json_schema(schema_generator=_Generator)
    return _structural(made, made.get("$defs", {}))


class _Generator(GenerateJsonSchema):
    """Pydantic's generator, which here also gives fields their descriptions and defaults, and blocks their rules."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Keep fields in the order in which the types have them."""
        return value

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        block = schema["cls"]
        if not issubclass(block, Frozen):
            raise TypeError(f"{block.__name__} is no Frozen")
        described = descriptions_of(block)
        for name, field in block.model_fields.items():
            own = {"description": described[name], "default": default_of(field)}
            made["properties"][field.alias] |= own
        made["x-kubernetes-validations"] = [_validation(rule) for rule in block.rules]
        made.pop("description", None)
        return made


def _validation(rule: Rule) -> Schema:
    validation = {"rule": rule.rule, "message": rule.message}
    return validation | ({"fieldPath": rule.field_path} if rule.field_path else {})


def _structural(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return the node without references, nulls and what Kubernetes does not know, in the order of printing."""
    node = _inlined(node, definitions)
    if node.get("additionalProperties") is False:  # the API server prunes unknown fields, or refuses them if asked to
        del node["additionalProperties"]
    if "const" in node:
        node["enum"] = [node["const"]]
    if "exclusiveMinimum" in node:  # a number in JSON Schema, a flag beside `minimum` in OpenAPI 3.0
        node |= {"minimum": node["exclusiveMinimum"], "exclusiveMinimum": True}
    if node.get("type") == "integer":
        node["format"] = "int32" if node["maximum"] < 2**31 else "int64"
    if node.get("type") == "array":
        node["items"] = _structural(node["items"], definitions)
        node.setdefault("x-kubernetes-list-type", "atomic")
    if "properties" in node:
        node["properties"] = {name: _structural(field, definitions) for name, field in node["properties"].items()}
    if "additionalProperties" in node:
        content = _inlined(node.pop("additionalProperties"), definitions)
        if content:
            node["additionalProperties"] = _structural(content, definitions)
        else:
            node["x-kubernetes-preserve-unknown-fields"] = True
    return {key: node[key] for key in _KEY_ORDER if node.get(key) not in (None, [], {})}


def _inlined(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return a copy with the reference and the `or null` resolved; what stands beside them wins."""
    node = dict(node)
    if "anyOf" in node:
        (wanted,) = [choice for choice in node.pop("anyOf") if choice != {"type": "null"}]
        node = wanted | node
    while "$ref" in node:
        node = definitions[node.pop("$ref").removeprefix("#/$defs/")] | node
    return node


class _Dumper(yaml.SafeDumper):
    """YAML without aliases, with entries of a list indented and long text folded."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _folded(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = ">" if len(text) > 80 and " " in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _folded)


def render_crd() -> str:
    """Return the CustomResourceDefinition as YAML."""
    text = "# Generated by `make generate` from modelport.api. Change the types, not this file.\n" + yaml.dump(
        build_crd(), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True
    )
    if len(text.encode()) >= MAX_BYTES:
        raise ValueError(f"the definition has {len(text.encode())} bytes, {MAX_BYTES} are too many")
    return text


if __name__ == "__main__":
    sys.stdout.write(render_crd())
