"""The names of Azure's computer vision package, as its article uses them."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from modelport.client import BadAnswer, InvalidCall, Refused, Unreachable
from modelport.client.cvtk import AMLDeployment, ClassificationRESTApiParamters, CNTKTLModel

PNG = b"\x89PNG\r\n\x1a\nrest"


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    return str(path)


@pytest.fixture
def deployment(server, monkeypatch):
    monkeypatch.setenv("MODELPORT_URL", server.url)
    monkeypatch.setenv("MODELPORT_KEY", "k1")
    return AMLDeployment(deployment_name="tableware", aml_env="cluster", associated_DNNModel=None, replicas=1)


def test_score_image(server, deployment, picture):
    server.give([[0.1, 0.9]])
    serialized = deployment.score_image(
        picture, image_resize_dims=[224, 224], parameters={ClassificationRESTApiParamters.ADD_SOFTMAX: True}
    )
    model = CNTKTLModel([SimpleNamespace(name="bowl"), SimpleNamespace(name="cup")], base_model_name="ResNet18")
    index = np.argmax(np.array(CNTKTLModel.parse_serialized_result(serialized)))
    assert model.class_map[index] == "cup"
    assert server.paths == ["/api/v1/service/tableware/score"]
    assert server.headers[0]["Authorization"] == "Bearer k1"
    assert server.sent[0]["parameters"] == {"add_softmax": True, "image_resize_dims": [224, 224]}


def test_a_picture_by_its_address_is_fetched_here_and_without_the_key(server, deployment):
    server.give(PNG)
    server.give([[1.0]])
    deployment.score_image(f"{server.url}/picture.png?token=t")
    assert server.paths[0] == "/picture.png?token=t"
    assert "Authorization" not in server.headers[0]
    assert server.sent[0]["image_in_base64"] == "iVBORw0KGgpyZXN0"


def test_a_picture_that_cannot_be_fetched(server, deployment):
    server.give(b"", 404)
    with pytest.raises(Unreachable, match="Not Found") as caught:
        deployment.score_image(f"{server.url}/picture.png?token=t0ken")
    assert "t0ken" not in str(caught.value)


def test_a_service_by_its_own_address(server, picture):
    server.give([[0.5, None]])
    address = f"{server.url}/api/v1/service/tableware/score"
    assert AMLDeployment.score_existing_service_with_image(picture, address, service_key="k2") == "[[0.5, null]]"
    assert AMLDeployment.score_existing_service_with_image(picture, address) == "[[0.5, null]]"
    assert [headers.get("Authorization") for headers in server.headers] == ["Bearer k2", None]


def test_a_service_that_is_there(server, deployment):
    server.give([])
    assert deployment.is_existing_service()
    deployment.deploy()
    for remove in (deployment.delete, lambda: AMLDeployment.delete_if_service_exist("tableware")):
        with pytest.raises(InvalidCall, match="delete its PublishedModel"):
            remove()


def test_a_service_that_is_not(server, deployment):
    server.give({"error": {"code": "NotFound", "message": "no"}}, 404)
    assert not deployment.is_existing_service()
    deployment.delete()
    with pytest.raises(InvalidCall, match="tableware is not published"):
        deployment.deploy()


def test_a_wrong_key_is_not_taken_for_an_absent_service(server, deployment):
    server.give({"error": {"code": "Unauthorized", "message": "no"}}, 401)
    with pytest.raises(Refused, match="401 Unauthorized"):
        deployment.is_existing_service()


def test_without_an_address(monkeypatch, picture):
    monkeypatch.delenv("MODELPORT_URL", raising=False)
    with pytest.raises(InvalidCall, match="MODELPORT_URL is not set"):
        AMLDeployment("tableware").score_image(picture)


@pytest.mark.parametrize(
    "call",
    [
        lambda: AMLDeployment("a").build_docker_image(),
        AMLDeployment.list_deployment,
        lambda: CNTKTLModel(["a"]).train(None, mb_size=32),
    ],
)
def test_what_a_client_cannot_do_is_said(call):
    with pytest.raises(InvalidCall):
        call()


@pytest.mark.parametrize(
    "result",
    [
        "[[0.1, 0.9]]",
        b"[[0.1, 0.9]]",
        "[0.1, 0.9]",
        json.dumps("[[0.1, 0.9]]"),
        [0.1, 0.9],
        [[0.1, 0.9]],
        ["[0.1, 0.9]"],
        ["[[0.1, 0.9]]"],
    ],
    ids=repr,
)
def test_results_in_every_shape(result):
    assert CNTKTLModel.parse_serialized_result(result) == [[0.1, 0.9]]


def test_results_of_several_pictures():
    parse = CNTKTLModel.parse_serialized_result
    assert parse("[[1, 0], [0, 1]]") == [[1.0, 0.0], [0.0, 1.0]]
    assert parse(["[1, 0]", "[0, 1]"]) == [[1.0, 0.0], [0.0, 1.0]]
    assert parse([]) == []
    assert math.isnan(parse("[null, 1]")[0][0])


@pytest.mark.parametrize("result", ["<html>", "{}", '{"error": "no"}', None, 5, [["a"]], [None, [1]], "[" * 100_000])
def test_what_is_no_result(result):
    with pytest.raises(BadAnswer, match="expected the scores of pictures"):
        CNTKTLModel.parse_serialized_result(result)
