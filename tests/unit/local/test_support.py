"""What becomes of each field on one machine: exactly one of served, noted, refused."""

import types
import typing

import pytest
from pydantic import BaseModel

from modelport.api import PublishedModelSpec, parse_manifest
from modelport.api.model import Api
from modelport.gateway.formats import FORMATS
from modelport.local import support

OTHER = "tensorflow-serving"


def manifest(**spec):
    spec = {"model": {"format": "ONNX", "source": {"uri": "file:///m"}}, "apis": [OTHER], **spec}
    obj = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": {"name": "m"}, "spec": spec}
    return parse_manifest(obj, where="test")


def blocks_in(annotation):
    """The models inside a field's type, and whether they are entries of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, False
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, typing.Annotated, tuple):
        for argument in typing.get_args(annotation):
            for block, _ in blocks_in(argument):
                yield block, origin is tuple


def leaves(block, path=""):
    """Every field of the schema that holds a value, as the tables write paths."""
    for name, field in block.model_fields.items():
        here = f"{path}.{field.alias or name}".lstrip(".")
        inner = list(blocks_in(field.annotation))
        if not inner:
            yield here
        for nested, listed in inner:
            yield from leaves(nested, here + ("[]" if listed else ""))


TABLES = {
    "served": support.SERVED,
    "noted": [limit.path for limit in support.NOTED],
    "refused": [limit.path for limit in support.REFUSED],
}
LEAVES = sorted(leaves(PublishedModelSpec))


def speaks_for(entry, leaf):
    return leaf == entry or leaf.startswith((entry + ".", entry + "[]"))


@pytest.mark.parametrize("leaf", LEAVES)
def test_each_field_is_in_exactly_one_table(leaf):
    found = [(table, entry) for table, entries in TABLES.items() for entry in entries if speaks_for(entry, leaf)]
    assert len(found) == 1, f"{leaf} is in {found}"


@pytest.mark.parametrize("entry", [entry for entries in TABLES.values() for entry in entries])
def test_each_entry_names_a_field(entry):
    assert any(speaks_for(entry, leaf) for leaf in LEAVES)


@pytest.mark.parametrize(
    ("spec", "begins"),
    [
        pytest.param(
            {"execution": {"device": "GPU"}}, "spec.execution.device: GPU", id="a GPU with the wheel's Triton"
        ),
        pytest.param(
            {"execution": {"autoscaling": {"maxInstances": 3, "target": 2}}},
            "spec.execution.autoscaling:",
            id="autoscaling",
        ),
        pytest.param(
            {
                "io": {"task": "ImageClassification"},
                "retraining": {"task": "ImageClassification", "storage": {"uri": "s3://retraining/"}},
            },
            "spec.retraining:",
            id="a block that is only there",
        ),
        pytest.param(
            {
                "io": {"task": "ImageClassification"},
                "evaluation": {"sink": {"uri": "https://key@host/flagged?token=x"}},
            },
            "spec.evaluation.sink.uri: https://host/flagged?… has the scheme 'https';",
            id="a sink that nobody writes to",
        ),
    ],
)
def test_refused(spec, begins):
    told = support.refusals(manifest(**spec), own_triton=True)
    assert any(each.startswith(begins + " ") for each in told), told


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({}, id="nothing but a model"),
        pytest.param({"io": {"task": "ImageClassification", "labels": ["a", "b"]}}, id="a classifier of tensors"),
        pytest.param({"execution": {"type": "Dedicated", "device": "CPU", "instances": 1}}, id="defaults written out"),
        pytest.param({"access": {"imageUrls": {"allow": ["images.example.com"]}}}, id="pictures by URL"),
        pytest.param(
            {
                "io": {"task": "ImageClassification", "inputs": [{"name": "x", "kind": "Image"}]},
                "apis": ["nexus"],
                "evaluation": {"sink": {"uri": "file:flagged"}},
            },
            id="flagged pictures into a folder beside the manifest",
        ),
        pytest.param({"access": {"anonymous": True, "grpc": False}}, id="a refused field at its harmless value"),
        pytest.param(
            {
                "io": {
                    "task": "ImageClassification",
                    "inputs": [
                        {"name": "x", "kind": "Image", "image": {"layout": "NHWC", "resize": "Letterbox"}},
                        {"name": "y", "kind": "Audio", "audio": {"layout": "CL"}},
                    ],
                },
                "apis": ["azureml", "nnc"],
                "limits": {"pixels": 1000},
            },
            id="pictures and sounds",
        ),
        pytest.param(
            {
                "io": {
                    "task": "ObjectDetection",
                    "detection": {"outputs": {"boxes": "b", "scores": "s"}},
                }
            },
            id="a detector",
        ),
        pytest.param(
            {
                "io": {"task": "TabularRegression", "tabular": {"columns": ["a", "b"], "target": "price"}},
                "apis": ["prediction-one", OTHER],
            },
            id="a table",
        ),
    ],
)
def test_served_without_a_word(spec):
    resource = manifest(**spec)
    assert support.refusals(resource, own_triton=True) == []
    assert support.notes(resource, own_triton=True) == []


@pytest.mark.parametrize(
    ("spec", "begins"),
    [
        ({"execution": {"instances": 3}}, "spec.execution.instances: 3 counts in a cluster"),
        ({"execution": {"type": "Serverless"}}, "spec.execution.type: Serverless stops an idle model in a cluster"),
        ({"versionTag": "spring-2026"}, "spec.versionTag: spring-2026 rolls Pods"),
        (
            {"access": {"ingress": {"host": "a.example.com", "className": "nginx"}}},
            "spec.access.ingress.className: nginx",
        ),
        (
            {"io": {"task": "ImageClassification", "inputs": [{"name": "x"}]}, "apis": ["azureml", OTHER]},
            "spec.io.inputs: none is of kind Image, so azureml cannot be answered",
        ),
    ],
)
def test_noted_and_served(spec, begins):
    resource = manifest(**spec)
    assert support.refusals(resource, own_triton=True) == []
    assert [note.startswith(begins) for note in support.notes(resource, own_triton=True)] == [True]


def test_a_sound_that_nnc_will_not_take_is_told():
    inputs = [{"name": "x", "kind": "Audio"}]
    resource = manifest(io={"inputs": inputs}, apis=["nnc", OTHER], execution={"type": "Serverless"})
    told = support.notes(resource, own_triton=True)
    assert "spec.io.inputs: one is of kind Audio, which nnc takes with type Dedicated alone" in told
    assert len(told) == 2
    assert support.notes(manifest(io={"inputs": inputs}, apis=["nnc"]), own_triton=True) == []


def test_gpu_is_the_other_tritons_business():
    resource = manifest(execution={"device": "GPU", "gpu": {"count": 1}})
    assert support.refusals(resource, own_triton=False) == []


def test_labels_from_a_file_need_the_file():
    told = support.refusals(manifest(io={"labelsFrom": "labels.txt"}), own_triton=False)
    assert told[0].startswith("spec.io.labelsFrom: labels.txt needs the model's files")


def test_every_api_of_the_resource_is_spoken():
    assert set(typing.get_args(Api)) == FORMATS.keys()
