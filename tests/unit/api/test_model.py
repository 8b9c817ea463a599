"""The types: defaults, the whole example and back, and what is derived from a resource."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from modelport.api import PublishedModel, apis_of, model_name, parse_manifest, parse_yaml

Make = Callable[[dict[str, Any]], PublishedModel]


def test_the_whole_example_comes_back_as_it_went(tableware: str) -> None:
    (resource,) = parse_yaml(tableware, "tableware.yaml")
    assert parse_manifest(resource.to_manifest(), where="again") == resource


def test_the_example_is_read_as_it_is_written(tableware: str) -> None:
    (resource,) = parse_yaml(tableware, "tableware.yaml")
    spec = resource.spec
    assert spec.model.versions.labels == {"stable": 3, "canary": 4}
    assert spec.io.inputs[0].image is not None
    assert spec.io.inputs[0].image.mean == (0.485, 0.456, 0.406)
    assert spec.io.detection is not None
    assert spec.io.detection.yolo is None
    assert spec.execution.resources.requests == {"cpu": "2", "memory": "4Gi"}
    assert spec.execution.schedule is not None
    assert spec.execution.schedule.windows[0].end == "09:00"
    assert spec.execution.schedule.exceptions[0].date == "2026-12-31"
    assert str(spec.access.keys[1].expires) == "2027-01-01 00:00:00+00:00"
    assert spec.access.image_urls is not None
    assert spec.access.image_urls.allow_cidrs == ("10.0.0.0/8",)


def test_the_smallest_manifest_gets_the_defaults(resource: Make) -> None:
    spec = resource({}).spec
    assert (spec.execution.type, spec.execution.device, spec.execution.instances) == ("Dedicated", "CPU", 1)
    assert (spec.execution.schedule, spec.execution.autoscaling, spec.execution.gpu) == (None, None, None)
    assert (spec.io.task, spec.model.versions.policy, spec.access.anonymous) == ("Tensor", "Latest", False)
    assert spec.limits.model_dump(by_alias=False) == {
        "body_bytes": 64 * 2**20,
        "tensor_elements": 16 * 2**20,
        "depth": 64,
        "pixels": 50_000_000,
        "timeout_seconds": 60,
        "queue_length": 1024,
    }


def test_a_manifest_holds_nothing_that_is_absent_or_empty(resource: Make) -> None:
    manifest = resource({}).to_manifest()
    assert manifest["metadata"] == {"name": "cups", "namespace": "default"}
    assert list(manifest["spec"]["model"]) == ["format", "source", "versions"]
    assert "status" not in manifest


def test_a_resource_cannot_be_changed(resource: Make) -> None:
    cups = resource({})
    with pytest.raises(ValidationError, match="frozen"):
        cups.spec.execution.instances = 2  # type: ignore[misc]


def test_what_the_api_server_adds_to_metadata_is_left_aside(manifest: Make) -> None:
    aside = {"managedFields": [{}], "finalizers": ["x"]}
    kept = {"resourceVersion": "7", "uid": "u", "generation": 3, "creationTimestamp": "2026-11-22T14:59:49Z"}
    resource = parse_manifest(manifest({"metadata": {**aside, **kept}}), where="test")
    assert resource.metadata.to_manifest() == {"name": "cups", "namespace": "default", **kept}


@pytest.mark.parametrize(
    ("spec", "name"), [({}, "cups"), ({"model": {"name": "big_cups"}}, "big_cups")], ids=["of metadata", "its own"]
)
def test_the_name_in_addresses(resource: Make, spec: dict[str, Any], name: str) -> None:
    assert model_name(resource(spec)) == name


FOR_ALL = ("tensorflow-serving", "nnc", "open-inference")


@pytest.mark.parametrize(
    ("spec", "apis"),
    [
        ({}, FOR_ALL),
        ({"io": {"task": "AudioClassification"}}, FOR_ALL),
        ({"io": {"task": "ImageClassification"}}, ("nexus", "azureml", *FOR_ALL)),
        (
            {"io": {"task": "ObjectDetection", "detection": {"yolo": {"output": "o", "layout": "V8"}}}},
            ("nexus", *FOR_ALL),
        ),
        ({"io": {"task": "TabularRegression"}}, ("prediction-one", *FOR_ALL)),
        ({"io": {"task": "ImageClassification"}, "apis": ["nnc"]}, ("nnc",)),
    ],
    ids=["tensors", "sounds", "pictures", "boxes", "tables", "as the manifest says"],
)
def test_the_apis_that_are_served(resource: Make, spec: dict[str, Any], apis: tuple[str, ...]) -> None:
    assert apis_of(resource(spec).spec) == apis
