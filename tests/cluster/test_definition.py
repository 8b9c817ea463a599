"""PublishedModel as kubectl and its users meet it: defined, described, applied, scaled."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

Kubectl = Callable[..., str]

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
GROUP = ("modelport.io", "v1alpha1")


def test_the_definition_is_established(api: client.ApiClient, crd: str) -> None:
    definition = client.ApiextensionsV1Api(api).read_custom_resource_definition(crd)
    conditions = {condition.type: condition.status for condition in definition.status.conditions}
    assert conditions["NamesAccepted"] == conditions["Established"] == "True"
    assert "NonStructuralSchema" not in conditions


def test_an_example_is_at_hand() -> None:
    assert len(EXAMPLES) >= 7


@pytest.mark.usefixtures("crd")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_applies(kubectl: Kubectl, namespace: str, example: Path) -> None:
    printed = kubectl("apply", "--server-side", "--validate=strict", "-n", namespace, "-f", example)
    names = [document["metadata"]["name"] for document in yaml.safe_load_all(example.read_text())]
    assert printed.splitlines() == [f"publishedmodel.modelport.io/{name} serverside-applied" for name in names]


@pytest.mark.usefixtures("crd")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pm", ("A trained model, published as HTTP APIs.", "spec", "status")),
        (
            "pm.spec.execution.schedule",
            (
                "FIELD: schedule <Object>",
                "When the model runs. Absent: always.",
                "windows\t<[]Object> -required-\n    When the model runs. Windows may cross midnight,",
            ),
        ),
        ("pm.spec.model.format", ("ENUM:", "ONNX")),
    ],
)
def test_kubectl_explains(kubectl: Kubectl, path: str, expected: tuple[str, ...]) -> None:
    text = kubectl("explain", path)
    assert [part for part in expected if part not in text] == []


@pytest.mark.usefixtures("crd")
def test_replicas_are_read_and_written_by_the_scale_subresource(
    api: client.ApiClient, kubectl: Kubectl, namespace: str, smallest: dict[str, Any]
) -> None:
    objects = client.CustomObjectsApi(api)
    place = (*GROUP, namespace, "publishedmodels", "cups")
    objects.create_namespaced_custom_object(*place[:-1], smallest)
    objects.patch_namespaced_custom_object_status(*place, {"status": {"instances": 1, "selector": "a=b"}})
    scale = objects.get_namespaced_custom_object_scale(*place)
    assert scale["spec"] == {"replicas": 1}
    assert scale["status"] == {"replicas": 1, "selector": "a=b"}
    scale["spec"]["replicas"] = 3
    objects.replace_namespaced_custom_object_scale(*place, scale)
    kubectl("scale", "pm/cups", "-n", namespace, "--current-replicas=3", "--replicas=4")
    assert objects.get_namespaced_custom_object(*place)["spec"]["execution"]["instances"] == 4
