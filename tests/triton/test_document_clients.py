"""The clients that the documents print, word for word but for address and key, against `modelport serve`.

The Neural Network Console starter guide shows Python and curl; the article on Azure's computer vision package shows a
function. What its own library does around that function is not printed there.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from PIL import Image

LABELS = ["circle", "cross", "square", "triangle"]

NNC_PYTHON = """\
#!/usr/bin/env python3
# -*- coding: utf-8 -*-
import requests
import json
import base64
URL = 'https://xxxx.dl.sony.com/v1/serverless/classifiers/dasdfadfd/inference'
KEY = '6626b3e4-1316-4b1a-b10b-6dsaf3dfsdab995d8'
PIC = './picture.png'
headers = {
    'Content-Type' : 'application/json',
    'x-api-key' : KEY
}
b64 = base64.encodebytes(open(PIC, 'rb').read()).decode('utf8')
data = {
    "executor": "Executor",
    "inputs": [{
        "name": "x1",
        "type": "png",
        "data": b64
    },{
        "name": "x2",
        "type": "vector",
        "data": [0.25]
    }]
}
r = requests.post(URL, data=json.dumps(data), headers=headers)
print(r.text)
"""
"""Starter guide, "複数データのAPI実行方法(例)"."""

NNC_SOUND = """\
{
  "executor": "Executor",
  "inputs": [{
    "name": "x",
    "type": "wav",
    "data": "ajf;aejoafasdf\\n"
  }]
}
"""
"""Starter guide, "curlを用いた実行方法(例)": 音声データ."""

NNC_VECTOR = """\
{
  "executor": "Executor",
  "inputs": [{
    "name": "x",
    "type": "vector",
    "data": [5, 3.5, 1.3, 0.3]
  }]
}
"""
"""Starter guide, "curlを用いた実行方法(例)": 数値データ."""

AZURE_PYTHON = '''\
def score_image_list_with_http(images, service_endpoint_url, service_key=None, parameters={}):
    """Score image list with http request

    Args:
        images(list): list of (input image file path, base64 image string, url or buffer)
        service_endpoint_url(str): endpoint url
        service_key(str): service key, None for local deployment.
        parameters(dict): service additional paramters in dictionary


    Returns:
        result (list): list of serialized result 
    """
    import requests
    from io import BytesIO
    import base64
    routing_id = ""

    if service_key is None:
        headers = {'Content-Type': 'application/json',
                   'X-Marathon-App-Id': routing_id}
    else:
        headers = {'Content-Type': 'application/json',
                   "Authorization": ('Bearer ' + service_key), 'X-Marathon-App-Id': routing_id}
    payload = []
    for image in images:
        encoded = None
        # read image
        with open(image,'rb') as f:
            image_buffer = BytesIO(f.read()) ## Getting an image file represented as a BytesIO object
        # convert your image to base64 string
        encoded = base64.b64encode(image_buffer.getvalue())
        image_request = {"image_in_base64": "{0}".format(encoded), "parameters": parameters}
        payload.append(image_request)
    body = json.dumps(payload)
    r = requests.post(service_endpoint_url, data=body, headers=headers)
    try:
        result = json.loads(r.text)
    except:
        raise ValueError("Incorrect output format. Result cant not be parsed: " + r.text)
    return result
'''  # noqa: W291 as it is printed
"""The article, "エンドポイントを http 要求で直接スコア付けする"."""

SEVERAL = """
<ir_version: 8, opset_import: ["": 17]>
several (float[batch, 3, 240, 240] x1, float[batch, 1] x2) => (float[batch, 1] y)
<int64[1] last = {1}>
{
    mean = ReduceMean<axes: ints = [1, 2, 3], keepdims: int = 0>(x1)
    column = Unsqueeze(mean, last)
    y = Mul(column, x2)
}
"""
"""The document's network of two inputs, as far as its picture shows it: x1 of 3,240,240 and x2."""

DOUBLED = """
<ir_version: 8, opset_import: ["": 17]>
doubled (float[batch, 4] x) => (float[batch, 4] y)
{
    y = Add(x, x)
}
"""

MANIFEST = """\
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {{name: {name}}}
spec:
  model: {{format: ONNX, source: {{uri: "file:models/{name}"}}}}
  io: {{inputs: [{inputs}]}}
  apis: [nnc]
"""


@pytest.fixture(scope="module")
def server(serving, examples, tmp_path_factory):
    """The sample classifier of pictures, and models of the shapes that the NNC document shows."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "models").mkdir()
    (folder / "5-shapes.yaml").write_text((examples / "5-shapes.yaml").read_text())
    (folder / "models" / "shapes").symlink_to(examples / "models" / "shapes")
    for name, text, inputs in (("several", SEVERAL, "{name: x1, kind: Image}"), ("doubled", DOUBLED, "")):
        (folder / "models" / name).mkdir()
        onnx.save(onnx.parser.parse_model(text), folder / "models" / name / "model.onnx")
        (folder / f"{name}.yaml").write_text(MANIFEST.format(name=name, inputs=inputs))
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def pictures(examples) -> list[Path]:
    return [examples / "models" / "pictures" / f"{label}.png" for label in LABELS]


def run(command: list[object], folder: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def inference(server, model: str) -> str:
    return f"{server.url}/v1/dedicated/classifiers/{model}/inference"


def score(server, key: str | None, pictures: list[Path], parameters: object, folder: Path) -> object:
    call = ["score_image_list_with_http(", f"{list(map(str, pictures))!r}, ", f"{server.url!r} + ADDRESS, {key!r}, "]
    lines = ["import json", "ADDRESS = '/api/v1/service/shapes/score'", AZURE_PYTHON]
    lines.append(f"print(json.dumps({''.join(call)}{parameters!r})))")
    (folder / "client.py").write_text("\n".join(lines))
    return json.loads(run([sys.executable, "client.py"], folder))


def test_nncs_python_with_a_picture_and_a_vector(server, tmp_path):
    Image.new("RGB", (240, 240), (60, 120, 180)).save(tmp_path / "picture.png")
    script = NNC_PYTHON.replace(
        "https://xxxx.dl.sony.com/v1/serverless/classifiers/dasdfadfd/inference", inference(server, "several")
    ).replace("6626b3e4-1316-4b1a-b10b-6dsaf3dfsdab995d8", server.keys["several"])
    (tmp_path / "client.py").write_text(script)

    answer = json.loads(run([sys.executable, "client.py"], tmp_path))

    assert answer == {"outputs": [{"name": "y", "type": "vector", "shape": [1], "data": [30.0]}]}


def test_nncs_python_with_a_picture_of_another_size_says_which_is_right(server, tmp_path):
    Image.new("RGB", (320, 200)).save(tmp_path / "picture.png")
    script = NNC_PYTHON.replace(
        "https://xxxx.dl.sony.com/v1/serverless/classifiers/dasdfadfd/inference", inference(server, "several")
    ).replace("6626b3e4-1316-4b1a-b10b-6dsaf3dfsdab995d8", server.keys["several"])
    (tmp_path / "client.py").write_text(script)

    answer = json.loads(run([sys.executable, "client.py"], tmp_path))

    assert answer["error"] == "BadRequest"
    assert answer["message"].startswith("inputs[0].data: expected a picture of 240 x 240 pixels, got 320 x 200")


def curl(server, model: str, key: str, body: str, folder: Path) -> dict:
    (folder / "data.json").write_text(body)
    headers = ["-H", f"x-api-key:{key}", "-H", "Content-Type:application/json"]
    return json.loads(run(["curl", "-s", *headers, "-d", "@data.json", inference(server, model)], folder))


def test_nncs_curl_with_a_vector(server, tmp_path):
    answer = curl(server, "doubled", server.keys["doubled"], NNC_VECTOR, tmp_path)
    assert answer == {"outputs": [{"name": "y", "type": "vector", "shape": [4], "data": [10.0, 7.0, 2.6, 0.6]}]}


def test_nncs_python_with_the_documents_own_address_but_for_host_and_id(served, examples, tmp_path):
    (tmp_path / "picture.png").write_bytes((examples / "models" / "pictures" / "brightness.png").read_bytes())
    script = NNC_PYTHON.replace("https://xxxx.dl.sony.com", served.url).replace("dasdfadfd", "brightness")
    (tmp_path / "client.py").write_text(
        script.replace("6626b3e4-1316-4b1a-b10b-6dsaf3dfsdab995d8", served.keys["brightness"])
    )

    answer = json.loads(run([sys.executable, "client.py"], tmp_path))

    assert answer == {"outputs": [{"name": "y", "type": "vector", "shape": [1], "data": [0.5]}]}


def test_nncs_curl_with_a_sound(served, examples, tmp_path):
    lines = base64.encodebytes((examples / "models" / "sounds" / "A4.wav").read_bytes()).decode()
    body = NNC_SOUND.replace('"ajf;aejoafasdf\\n"', json.dumps(lines))

    (output,) = curl(served, "notes", served.keys["notes"], body, tmp_path)["outputs"]

    assert (output["shape"], output["data"].index(max(output["data"]))) == ([12], 9)


@pytest.mark.parametrize("label", LABELS)
def test_nncs_curl_with_a_picture(server, pictures, tmp_path, label):
    data = base64.encodebytes(pictures[LABELS.index(label)].read_bytes()).decode()
    body = {"executor": "Executor", "inputs": [{"name": "image", "type": "png", "data": data}]}

    (output,) = curl(server, "shapes", server.keys["shapes"], json.dumps(body), tmp_path)["outputs"]

    assert (output["name"], output["type"], output["shape"]) == ("probabilities", "vector", [4])
    assert LABELS[output["data"].index(max(output["data"]))] == label


def test_nncs_curl_with_a_wrong_key_is_told_so(server, tmp_path):
    answer = curl(server, "doubled", server.keys["shapes"], NNC_VECTOR, tmp_path)
    assert answer["error"] == "Unauthorized"
    assert answer["message"]


def test_azures_python_scores_pictures_as_their_numbers_score(server, examples, pictures, tmp_path):
    instances = json.loads((examples / "models" / "pictures" / "request.json").read_text())
    expected = server.predict("shapes", instances).json()["predictions"]

    scores = score(server, server.keys["shapes"], pictures, {}, tmp_path)

    assert scores == [pytest.approx(row, abs=1e-6) for row in expected]
    assert [LABELS[row.index(max(row))] for row in scores] == LABELS


def test_azures_python_with_parameters(server, pictures, tmp_path):
    plain = score(server, server.keys["shapes"], pictures[:1], {}, tmp_path)
    soft = score(
        server, server.keys["shapes"], pictures[:1], {"image_resize_dims": [32, 32], "add_softmax": True}, tmp_path
    )

    assert sum(soft[0]) == pytest.approx(1, abs=1e-6)
    assert max(soft[0]) < max(plain[0])


def test_azures_python_takes_pictures_of_any_size_in_one_list(server, pictures, tmp_path):
    large = tmp_path / "large.jpg"
    Image.open(pictures[1]).resize((640, 480)).save(large)

    scores = score(server, server.keys["shapes"], [pictures[0], large], {}, tmp_path)

    assert [LABELS[row.index(max(row))] for row in scores] == ["circle", "cross"]


def test_azures_python_without_a_key_is_told_so(server, pictures, tmp_path):
    answer = score(server, None, pictures[:1], {}, tmp_path)
    assert answer["error"]["code"] == "Unauthorized"


def test_azures_python_with_an_unknown_parameter_is_told_which_there_are(server, pictures, tmp_path):
    answer = score(server, server.keys["shapes"], pictures[:1], {"softmax": True}, tmp_path)
    assert answer["error"]["code"] == "BadRequest"
    assert answer["error"]["message"].startswith("[0].parameters.softmax: no such parameter, there are 'add_softmax'")
