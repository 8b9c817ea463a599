"""The CustomResourceDefinition: as the types have it, and as Kubernetes takes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelport.api.schema import MAX_BYTES, build_crd, render_crd

FILE = Path(__file__).parents[3] / "crds" / "publishedmodels.yaml"

Schema = dict[str, Any]
Node = tuple[str, Schema]


@pytest.fixture(scope="module")
def root() -> Schema:
    schema: Schema = build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Schema, path: str = "") -> Iterator[Node]:
    """Yield every schema with its path; `[]` is an entry of a list, `{}` of a map."""
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def own_nodes(root: Schema) -> list[Node]:
    """Return the schemas of spec and status, which are ours to bound and describe."""
    return [(path, node) for path, node in nodes(root) if path.startswith((".spec", ".status"))]


def test_the_file_is_what_the_types_say() -> None:
    assert FILE.read_text(encoding="utf-8") == render_crd(), "run `make generate`"


def test_the_file_is_below_256_kib() -> None:
    assert len(FILE.read_bytes()) < MAX_BYTES


def test_the_text_reads_back_as_the_definition() -> None:
    assert yaml.safe_load(render_crd()) == build_crd()


def test_every_field_is_described(root: Schema) -> None:
    assert [
        path for path, node in own_nodes(root) if not path.endswith(("[]", "{}")) and not node.get("description")
    ] == []


def test_descriptions_are_sentences(root: Schema) -> None:
    described = [(path, node["description"]) for path, node in own_nodes(root) if "description" in node]
    assert [path for path, text in described if not text[0].isupper() or not text.endswith((".", "…"))] == []


KNOWN = {
    "default",
    "description",
    "enum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
    "additionalProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}


def structural_faults(path: str, node: Schema) -> Iterator[str]:
    """Yield what Kubernetes would refuse of one schema (structural schemas, apiextensions v1)."""
    for key in node.keys() - KNOWN:
        yield f"{path}: {key} is not known to a structural schema"
    if "x-kubernetes-int-or-string" in node:
        if "type" in node:
            yield f"{path}: int-or-string has no type of its own"
    elif node.get("type") not in {"object", "array", "string", "integer", "number", "boolean"}:
        yield f"{path}: type {node.get('type')}"
    if "properties" in node and "additionalProperties" in node:
        yield f"{path}: properties and additionalProperties exclude each other"
    keeps = {"properties", "additionalProperties", "x-kubernetes-preserve-unknown-fields"}
    if node.get("type") == "object" and not keeps & node.keys():
        yield f"{path}: an object without fields would lose all its content"
    if (node.get("type") == "array") != ("items" in node):
        yield f"{path}: a list needs items, and nothing else has them"
    if None in (node.get("default", ""), *node.get("enum", [])):
        yield f"{path}: null"
    for name in node.get("required", []):
        if name not in node["properties"]:
            yield f"{path}: required {name} is no field"
        elif "default" in node["properties"][name]:
            yield f"{path}: required {name} has a default"
    if "default" in node and isinstance(node["default"], dict):
        for name, field in node["properties"].items():
            if "default" in field and field["default"] != node["default"].get(name):
                yield f"{path}: the default must write out that of {name}, which rules would not see"
    yield from list_faults(path, node)


def list_faults(path: str, node: Schema) -> Iterator[str]:
    keys = node.get("x-kubernetes-list-map-keys", [])
    kind = node.get("x-kubernetes-list-type")
    if node.get("type") == "array" and kind not in {"atomic", "set", "map"}:
        yield f"{path}: list type {kind}"
    if (kind == "map") != bool(keys):
        yield f"{path}: a map list needs keys, and nothing else has them"
    for key in keys:
        if key not in node["items"].get("required", []):
            yield f"{path}: key {key} is neither required nor defaulted"
    if kind == "set" and node["items"]["type"] in {"object", "array"}:
        yield f"{path}: a set holds plain values"


def test_the_schema_is_structural(root: Schema) -> None:
    inner = [(path, node) for path, node in nodes(root) if path != ".metadata"]
    assert [fault for path, node in inner for fault in structural_faults(path, node)] == []


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"type": "object"},
        {"type": "string", "nullable": True},
        {"type": "string", "default": None},
        {"type": "array", "items": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"a": {"type": "string", "default": "b"}}, "default": {}},
        {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["a"],
            "items": {"type": "object"},
        },
    ],
)
def test_the_check_finds_faults(node: Schema) -> None:
    assert list(structural_faults("x", node))


def bound_faults(path: str, node: Schema) -> Iterator[str]:
    """Yield what may grow without end: it would make objects large, and rules dear beyond the API server's budget."""
    kind = node.get("type")
    if kind == "array" and "maxItems" not in node:
        yield f"{path}: maxItems"
    if kind in {"integer", "number"} and not {"minimum", "maximum"} <= node.keys():
        yield f"{path}: minimum and maximum"
    if kind == "string" and not {"maxLength", "enum"} & node.keys():
        yield f"{path}: maxLength"
    open_map = bool({"additionalProperties", "x-kubernetes-preserve-unknown-fields"} & node.keys())
    if open_map and "maxProperties" not in node:
        yield f"{path}: maxProperties"


def test_every_field_is_bounded(root: Schema) -> None:
    assert [fault for path, node in own_nodes(root) for fault in bound_faults(path, node)] == []


@pytest.mark.parametrize(
    "node",
    [{"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "array"}, {"additionalProperties": {}}],
)
def test_the_check_finds_what_is_unbounded(node: Schema) -> None:
    assert list(bound_faults("x", node))


@pytest.mark.parametrize(
    "block",
    [".spec.execution.schedule", ".spec.execution.autoscaling", ".spec.execution.serverless", ".spec.execution.gpu"],
)
def test_blocks_that_rules_look_for_have_no_default(root: Schema, block: str) -> None:
    assert "default" not in dict(nodes(root))[block]


def test_instances_have_a_default_for_the_scale_subresource(root: Schema) -> None:
    found = dict(nodes(root))
    assert found[".spec.execution.instances"]["default"] == 1
    assert found[".spec.execution"]["default"]["instances"] == 1


def test_the_columns_look_at_fields_that_exist(root: Schema) -> None:
    known = {path.replace("[]", "") for path, _ in nodes(root)} | {".metadata.creationTimestamp"}
    columns = build_crd()["spec"]["versions"][0]["additionalPrinterColumns"]
    plain = [column["jsonPath"].partition("[?")[0] for column in columns]
    assert [path for path in plain if path not in known] == []
