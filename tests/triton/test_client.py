"""modelport.client against `modelport serve`: every format, and the Azure article's lines with other imports."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from modelport.client import AsyncClient, AzureMl, Client, Nexus, Nnc, OpenInference, Refused, TensorFlowServing

LABELS = ["circle", "cross", "square", "triangle"]

AZURE = """\
from modelport.client.cvtk import AMLDeployment, CNTKTLModel, ClassificationRESTApiParamters
import numpy as np

dnn_model = CNTKTLModel(labels, base_model_name="ResNet18_ImageNet_CNTK", image_dims=(3, 224, 224))
deployment_name = "shapes"
deploy_obj = AMLDeployment(deployment_name=deployment_name, aml_env="cluster", associated_DNNModel=dnn_model, replicas=1)

serialized_result_in_json = deploy_obj.score_image(image_path_or_url, image_resize_dims=[224,224], parameters={ClassificationRESTApiParamters.ADD_SOFTMAX:True})
print("serialized_result_in_json:", serialized_result_in_json)
serialized_result_in_json = AMLDeployment.score_existing_service_with_image(image_path_or_url,service_endpoint_url, service_key = service_key, image_resize_dims=[224,224])
print("serialized_result_in_json:", serialized_result_in_json)

# Parse result from json string
import numpy as np
parsed_result = CNTKTLModel.parse_serialized_result(serialized_result_in_json)
print("Parsed result:", parsed_result)
# Map result to image class
class_index = np.argmax(np.array(parsed_result))
print("Class index:", class_index)
dnn_model.class_map
print("Class label:", dnn_model.class_map[class_index])
"""  # noqa: E501 as it is printed
"""The article, "Web サービスを使用する" and the section after it; the first line and the model's labels are new."""


@pytest.fixture
def pictures(examples):
    return [examples / "models" / "pictures" / f"{label}.png" for label in LABELS]


@pytest.fixture
def client(served):
    """Make a client with the key of one model, for the test."""
    clients = []

    def make(model):
        clients.append(Client(served.url, key=served.keys[model]))
        return clients[-1]

    yield make
    for each in clients:
        each.close()


def test_tensorflow_serving(client):
    half = client("half_plus_two")
    rows = half.predict("half_plus_two", TensorFlowServing(instances=np.array([1.0, 2.0, 5.0], np.float32)))
    assert rows.values == [2.5, 3.0, 4.5]
    assert rows.served.version == "1"
    assert rows.served.digest
    assert half.predict("half_plus_two", TensorFlowServing(inputs={"x": [1.0]})).values == [2.5]


def test_tensorflow_serving_by_label_and_version(client):
    fruit = {"instances": [{"colour": 0.9, "firmness": 0.2}]}
    ripeness = client("ripeness")
    canary = ripeness.predict("ripeness", TensorFlowServing(**fruit, label="canary"))
    assert canary.served.version == "4"
    assert canary.values == ripeness.predict("ripeness", TensorFlowServing(**fruit, version=4)).values
    assert canary.values != ripeness.predict("ripeness", TensorFlowServing(**fruit, version=3)).values


def test_open_inference(client):
    tensors = client("half_plus_two").predict("half_plus_two", OpenInference({"x": np.array([1, 2], np.float32)}))
    (array,) = tensors.outputs.values()
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, [2.5, 3.0])


def test_open_inference_of_bytes(client):
    texts = np.array([b"\0\xff", "é".encode(), b""], object)
    tensors = client("echo").predict("echo", OpenInference({"text": texts}, outputs=["echo"]))
    assert tensors.outputs["echo"].tolist() == texts.tolist()


def test_pictures_in_three_formats(client, pictures):
    shapes = client("shapes")
    scores = shapes.predict("shapes", AzureMl(pictures)).scores
    assert [LABELS[int(np.argmax(row))] for row in scores] == LABELS
    for picture, row in zip(pictures, scores, strict=True):
        (layer,) = shapes.predict("shapes", Nnc({"image": picture})).outputs.values()
        assert layer.shape == (4,)
        np.testing.assert_allclose(layer.data, row, rtol=1e-6)
        (found,) = shapes.predict("shapes", Nexus(picture)).predictions
        assert found.tag == picture.stem
        assert found.confidence == pytest.approx(max(row), rel=1e-6)
        pixels = np.asarray(Image.open(picture).convert("RGB"))
        assert shapes.predict("shapes", Nexus(pixels)).predictions == (found,)


def test_nexus_boxes_routines_and_coco(client, examples):
    picture = examples / "models" / "pictures" / "rectangles.png"
    finder = client("rectangles")
    routines = [{"name": "FilterClass", "class_name": ["red"]}, {"name": "Histogram", "bins": 1}]
    answer = finder.predict("rectangles", Nexus(picture, routines))
    (red,) = answer.predictions
    assert red.tag == "red"
    assert red.bound[0] == pytest.approx((16 / 128, 8 / 96), abs=1 / 48)
    assert answer.answer["histogram"]["counts"] == {"red": [1]}
    coco = finder.predict("rectangles", Nexus(picture, coco=True)).answer
    assert len(coco["annotations"]) == 3


async def test_many_at_once(served):
    async with AsyncClient(served.url, key=served.keys["half_plus_two"]) as client:
        requests = (TensorFlowServing(instances=[float(number)]) for number in range(50))
        answers = await asyncio.gather(*(client.predict("half_plus_two", each) for each in requests))
    assert [answer.values for answer in answers] == [[number / 2 + 2] for number in range(50)]


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (TensorFlowServing(instances=["a"]), "", "instances"),
        (OpenInference({"y": np.zeros(1)}), "", "inputs"),
        (Nnc({"y": [1]}), "BadRequest", "the model takes"),
        (AzureMl([b"no picture"]), "BadRequest", "[0].image_in_base64"),
        (Nexus(b"no picture"), "BadRequest", "data"),
    ],
    ids=lambda each: getattr(each, "api", ""),
)
def test_errors_have_the_gateways_words(client, request_, code, words):
    with pytest.raises(Refused) as caught:
        client("shapes").predict("shapes", request_)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert words in caught.value.message
    assert caught.value.request_id


@pytest.mark.parametrize("request_", [AzureMl([]), Nexus(b""), Nnc({}), TensorFlowServing(instances=[1])])
def test_without_a_key_and_without_a_model(served, request_):
    with Client(served.url) as client:
        with pytest.raises(Refused, match=r"^401 "):
            client.predict("shapes", request_)
        with pytest.raises(Refused, match=r"^404 "):
            client.predict("absent", request_)


def test_the_articles_lines_with_other_imports(served, pictures, tmp_path):
    known = {
        "labels": LABELS,
        "image_path_or_url": str(pictures[2]),
        "service_endpoint_url": f"{served.url}/api/v1/service/shapes/score",
        "service_key": served.keys["shapes"],
    }
    lines = [f"{name} = {value!r}" for name, value in known.items()]
    (tmp_path / "client.py").write_text("\n".join([*lines, AZURE]))
    environment = {"MODELPORT_URL": served.url, "MODELPORT_KEY": served.keys["shapes"]}
    command = [sys.executable, str(tmp_path / "client.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    softened, plain = (
        json.loads(line.partition(": ")[2]) for line in done.stdout.splitlines() if line.startswith("serialized")
    )
    assert sum(softened[0]) == pytest.approx(1, rel=1e-5)
    assert max(softened[0]) < max(plain[0])
    assert "Class label: square" in done.stdout
