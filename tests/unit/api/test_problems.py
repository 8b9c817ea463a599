"""What a person reads when a manifest is wrong: the path, what was expected, what came."""

from collections.abc import Callable
from typing import Any

import pytest

from modelport.api import InvalidManifest, parse_manifest

Tell = Callable[[dict[str, Any]], tuple[str, ...]]

TIME = "expected a time with its zone, such as 2027-01-01T00:00:00Z"

CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a choice that is none": (
        {"execution": {"device": "gpu"}},
        ('spec.execution.device: expected CPU or GPU, got "gpu"',),
    ),
    "a choice of many": (
        {"apis": ["tf"]},
        ('spec.apis[0]: expected tensorflow-serving, nnc, prediction-one, nexus, azureml or open-inference, got "tf"',),
    ),
    "a misspelt field": (
        {"execution": {"devise": "CPU"}},
        ("spec.execution.devise: unknown field; did you mean device?",),
    ),
    "a field in snake case": (
        {"limits": {"body_bites": 1}},
        ("spec.limits.body_bites: unknown field; did you mean bodyBytes?",),
    ),
    "a field in the wrong block": (
        {"instances": 3},
        ("spec.instances: unknown field; did you mean spec.execution.instances?",),
    ),
    "a field from nowhere": (
        {"io": {"detection": {"yolo": {"colour": 1, "output": "o", "layout": "V5"}}}},
        ("spec.io.detection.yolo.colour: unknown field; known here: output, layout",),
    ),
    "a missing field": ({"access": {"keys": [{}]}}, ("spec.access.keys[0].name: missing",)),
    "a number in quotes": (
        {"execution": {"instances": "2"}},
        ('spec.execution.instances: expected a whole number, got "2"',),
    ),
    "a broken number": ({"limits": {"depth": 1.5}}, ("spec.limits.depth: expected a whole number, got 1.5",)),
    "a number that is none": (
        {"io": {"inputs": [{"name": "x", "kind": "Image", "image": {"scale": float("nan")}}]}},
        ("spec.io.inputs[0].image.scale: expected a finite number, got NaN",),
    ),
    "too small": ({"limits": {"bodyBytes": 1}}, ("spec.limits.bodyBytes: expected at least 1024, got 1",)),
    "too large": ({"execution": {"instances": 1001}}, ("spec.execution.instances: expected at most 1000, got 1001",)),
    "not above zero": (
        {"access": {"rateLimit": {"requestsPerSecond": 0}}},
        ("spec.access.rateLimit.requestsPerSecond: expected more than 0, got 0",),
    ),
    "a yes that YAML reads as true": (
        {"io": {"labels": [True]}},
        ("spec.io.labels[0]: expected text, got true; quote it (YAML reads y, n, yes, no, on and off as booleans)",),
    ),
    "a number that should be text": ({"versionTag": 3}, ("spec.versionTag: expected text, got 3; quote it",)),
    "text that should be a boolean": (
        {"access": {"anonymous": "no"}},
        ('spec.access.anonymous: expected true or false, got "no"',),
    ),
    "a null in a list": ({"io": {"labels": [None]}}, ("spec.io.labels[0]: expected text, got null",)),
    "an object for a list": ({"io": {"inputs": {"a": 1}}}, ("spec.io.inputs: expected a list, got an object",)),
    "a number for an object": ({"execution": 5}, ("spec.execution: expected an object, got 5",)),
    "a list for a map": (
        {"model": {"config": {"parameters": ["a"]}}},
        ("spec.model.config.parameters: expected an object, got a list of 1",),
    ),
    "a name against its pattern": (
        {"access": {"keys": [{"name": "Default"}]}},
        ('spec.access.keys[0].name: expected lower-case letters, digits and hyphens, such as my-model, got "Default"',),
    ),
    "a long text, shown briefly": (
        {"versionTag": "a" * 100},
        (f'spec.versionTag: expected at most 63 characters, got "{"a" * 57}…"',),
    ),
    "an empty text": ({"model": {"name": ""}}, ('spec.model.name: expected at least 1 character, got ""',)),
    "an empty list": ({"apis": []}, ("spec.apis: expected at least 1 entry, got an empty list",)),
    "too many entries": (
        {"io": {"inputs": [{"name": "x", "kind": "Image", "image": {"mean": [1, 2, 3, 4]}}]}},
        ("spec.io.inputs[0].image.mean: expected at most 3 entries, got a list of 4",),
    ),
    "one key twice": (
        {"access": {"keys": [{"name": "a"}, {"name": "a"}]}},
        ("spec.access.keys: expected entries that differ in name, got a twice",),
    ),
    "one value twice": ({"apis": ["nnc", "nnc"]}, ("spec.apis: expected entries that differ, got nnc twice",)),
    "a time without a zone": (
        {"access": {"keys": [{"name": "a", "expires": "2027-01-01T00:00:00"}]}},
        (f'spec.access.keys[0].expires: {TIME}, got "2027-01-01T00:00:00"',),
    ),
    "a time that is none": (
        {"access": {"keys": [{"name": "a", "expires": "soon"}]}},
        (f'spec.access.keys[0].expires: {TIME}, got "soon"',),
    ),
    "a date that does not exist": (
        {
            "execution": {
                "schedule": {"windows": [{"start": "1:00", "end": "02:00"}], "exceptions": [{"date": "2026-02-30"}]}
            }
        },
        (
            'spec.execution.schedule.windows[0].start: expected a time of day from "00:00" to "23:59", got "1:00"',
            'spec.execution.schedule.exceptions[0].date: expected a date, such as 2026-12-31, got "2026-02-30"',
        ),
    ),
    "an address range that is none": (
        {"access": {"imageUrls": {"allow": ["a.example.com"], "allowCidrs": ["10.0.0.0/99"]}}},
        ('spec.access.imageUrls.allowCidrs[0]: expected an address range, such as 10.1.0.0/16, got "10.0.0.0/99"',),
    ),
    "a quantity, under a key with dots": (
        {"execution": {"resources": {"limits": {"nvidia.com/gpu": "one"}}}},
        ('spec.execution.resources.limits["nvidia.com/gpu"]: expected a quantity, such as 500m, 2 or 4Gi, got "one"',),
    ),
    "a default that no feature can have": (
        {"io": {"signatures": [{"name": "s", "method": "Regress", "defaults": {"x": [1, "a"]}}]}},
        (
            "spec.io.signatures[0].defaults.x: expected a number, text, true or false, "
            "or a list of one of these kinds, got a list of 2",
        ),
    ),
    "several at once, in the order of the fields": (
        {"execution": {"device": "TPU", "instances": -1}, "versionTag": "a b"},
        (
            'spec.execution.device: expected CPU or GPU, got "TPU"',
            "spec.execution.instances: expected at least 0, got -1",
            'spec.versionTag: expected letters, digits, underscores, hyphens and dots, such as spring-2026, got "a b"',
        ),
    ),
}


@pytest.mark.parametrize(("spec", "expected"), CASES.values(), ids=CASES)
def test_what_is_wrong_in_the_spec(problems: Tell, spec: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert problems({"spec": spec}) == expected


ROOTS: dict[str, tuple[object, str]] = {
    "nothing": (None, "expected an object of kind PublishedModel, got null"),
    "a list": ([1], "expected an object of kind PublishedModel, got a list of 1"),
    "another kind": ({"apiVersion": "v1", "kind": "Service"}, 'kind: expected PublishedModel, got "Service"'),
    "no kind": ({"apiVersion": "modelport.io/v1alpha1"}, "kind: missing, expected PublishedModel"),
    "another version": (
        {"apiVersion": "modelport.io/v1", "kind": "PublishedModel"},
        'apiVersion: expected modelport.io/v1alpha1, got "modelport.io/v1"',
    ),
    "no spec": (
        {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": {"name": "a"}},
        "spec: missing",
    ),
}


@pytest.mark.parametrize(("obj", "expected"), ROOTS.values(), ids=ROOTS)
def test_what_is_no_resource_at_all(obj: object, expected: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(obj, where="a.yaml")
    assert str(caught.value) == f"a.yaml: {expected}"


def test_values_that_json_does_not_have(problems: Tell) -> None:
    (problem,) = problems({"spec": {"versionTag": b"bytes"}})
    assert problem.startswith("expected plain JSON values: ")


def test_half_a_surrogate_pair(problems: Tell) -> None:
    assert problems({"spec": {"versionTag": "\ud800"}}) == ("expected text in UTF-8, got half a surrogate pair",)


def test_metadata_is_as_strict_as_the_spec(problems: Tell) -> None:
    (problem,) = problems({"metadata": {"lables": {}}})
    assert problem == "metadata.lables: unknown field; did you mean labels?"


def test_free_form_blocks_may_hold_anything(manifest: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    affinity = {"a": [{"b": 10**30, "c": None, "d": 1.5, "e": True}]}
    resource = parse_manifest(manifest({"spec": {"execution": {"pod": {"affinity": affinity}}}}), where="a")
    assert resource.spec.execution.pod.affinity == {"a": [{"b": 10**30, "d": 1.5, "e": True}]}


def test_nulls_count_as_absent_as_for_the_api_server(manifest: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    with_nulls = manifest({"spec": {"versionTag": None, "execution": {"schedule": None, "device": None}}})
    assert parse_manifest(with_nulls, where="a") == parse_manifest(manifest({"spec": {"execution": {}}}), where="a")
