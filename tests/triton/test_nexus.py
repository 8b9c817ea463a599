"""The two finders of examples/ served for real, asked as the Nexus document's clients ask."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import requests
from PIL import Image
from pycocotools.coco import COCO

TRUTH = {
    "red": (16 / 128, 8 / 96, 48 / 128, 40 / 96),
    "green": (80 / 128, 16 / 96, 120 / 128, 32 / 96),
    "blue": (8 / 128, 56 / 96, 24 / 128, 88 / 96),
}
"""The rectangles in the picture of 128 x 96 pixels, as fractions."""
PIXEL = 1 / 48
"""Of the model, which is given the picture's 96 rows as 48."""


@pytest.fixture(scope="module")
def bodies(examples):
    return {
        name: json.loads((examples / "models/pictures" / f"{name}.json").read_text())
        for name in ("rectangles", "blobs")
    }


@pytest.fixture(scope="module")
def ask(served):
    def ask(model, body, status=200, **query):
        headers = {"Authorization": f"Bearer {served.keys[model]}"}
        reply = requests.post(f"{served.url}/{model}/predict", json=body, headers=headers, params=query, timeout=60)
        assert reply.status_code == status, reply.text
        return reply.json()

    return ask


def boxes(answer):
    return {each["tag"]["name"]: (*each["bound"][0], *each["bound"][2]) for each in answer["predictions"]}


def close(found, expected):
    return found.keys() == expected.keys() and all(
        found[name] == pytest.approx(expected[name], abs=PIXEL) for name in expected
    )


def test_the_documents_python_client_gets_its_answer(served, bodies):
    """The sample of "Connection Detail", with the picture in base64."""
    script = f'''
import requests
url = "{served.url}/rectangles/predict"
payload = {{"image_type": "base64", "data": "{bodies["rectangles"]["data"]}"}}
headers = {{
"accept": "application/json",
"content-type": "application/json",
"Authorization": "Bearer {served.keys["rectangles"]}"
}}
response = requests.post(url, json=payload, headers=headers)
print(response.text)
'''
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert close(boxes(json.loads(done.stdout)), TRUTH)


def test_a_raw_head_finds_the_rectangles(ask, bodies):
    answer = ask("rectangles", bodies["rectangles"])
    assert close(boxes(answer), TRUTH)
    assert [each["annotationId"] for each in answer["predictions"]] == [0, 1, 2]
    assert {each["boundType"] for each in answer["predictions"]} == {"rectangle"}
    confidences = [each["confidence"] for each in answer["predictions"]]
    assert all(one >= next_one for one, next_one in pairwise(confidences))


def test_a_picture_of_the_models_own_size_is_answered_exactly(ask):
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[10:20, 5:30] = (255, 0, 0)
    picture[40:64, 32:64] = (0, 0, 204)
    answer = ask("rectangles", {"image_type": "array", "data": picture.tolist()})
    assert [(each["tag"], pytest.approx(each["confidence"], abs=1e-4)) for each in answer["predictions"]] == [
        ({"id": 0, "name": "red"}, 1.0),
        ({"id": 2, "name": "blue"}, 0.8),
    ]
    assert answer["predictions"][0]["bound"] == [
        [5 / 64, 10 / 64],
        [5 / 64, 20 / 64],
        [30 / 64, 20 / 64],
        [30 / 64, 10 / 64],
    ]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF"])
def test_every_kind_of_picture_is_taken(ask, bodies, kind):
    picture = Image.open(io.BytesIO(base64.b64decode(bodies["rectangles"]["data"])))
    file = io.BytesIO()
    picture.save(file, kind)
    answer = ask("rectangles", {"image_type": "base_64", "data": base64.encodebytes(file.getvalue()).decode()})
    assert close(boxes(answer), TRUTH)


def test_masks_come_back_as_outlines(ask, bodies):
    answer = ask("blobs", bodies["blobs"])
    found = {each["tag"]["name"]: each for each in answer["predictions"]}
    assert found.keys() == {"green", "red"}
    for name, centre in (("green", (32, 48)), ("red", (96, 48))):
        assert found[name]["boundType"] == "masks"
        assert found[name]["contourType"] == "polygon"
        points = np.array(found[name]["contour"]) * (128, 96) - centre
        assert np.hypot(*points.T) == pytest.approx(24, abs=3), "the outline of a disc, or of a ring, is a circle"
        assert len(points) > 8


def test_coco_is_read_by_cocos_own_tools(ask, bodies, tmp_path):
    document = ask("blobs", bodies["blobs"], format="coco")
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(document))
    coco = COCO(str(path))
    (disc,) = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(["green"])))
    assert disc["area"] == pytest.approx(np.pi * 24**2, rel=0.05)
    assert coco.loadImgs([1])[0]["width"] == 128


def test_routines_are_carried_out_in_their_order(ask, bodies):
    routines = [
        {"name": "ExcludeClass", "class_name": ["blue"]},
        {"name": "Histogram", "bins": 1},
        {"name": "FilterClass", "class_name": ["red"]},
        {"name": "ActiveLearning"},
    ]
    answer = ask("rectangles", bodies["rectangles"] | {"routines": routines})
    assert boxes(answer).keys() == {"red"}
    assert answer["histogram"] == {"ranges": [1.0], "counts": {"green": [1], "red": [1]}}
    assert answer["activeLearning"]["flagged"] is False
    assert 0 < answer["activeLearning"]["score"] < 1


def test_the_documents_errors(served, ask, bodies):
    by_url = ask("rectangles", {"image_type": "url", "data": "https://models.example.com/a.jpg"}, status=400)
    assert by_url["error"] == "BadRequest"
    assert "spec.access.imageUrls" in by_url["message"]
    keyless = requests.post(f"{served.url}/rectangles/predict", json=bodies["rectangles"], timeout=60)
    assert (keyless.status_code, keyless.json()["error"]) == (401, "Unauthorized")
    absent = requests.post(f"{served.url}/aa351718-744e-4997-b051-346c3274bcbd/predict", json={}, timeout=60)
    assert (absent.status_code, absent.json()["error"]) == (404, "NotFound")


def test_pictures_side_by_side_do_not_mix(ask, bodies):
    def shifted(place):
        picture = np.zeros((64, 64, 3), np.uint8)
        picture[place : place + 16, 8:24] = (0, 255, 0)
        return {"image_type": "array", "data": picture.tolist()}

    places = [4 * step for step in range(12)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda place: ask("rectangles", shifted(place)), places))
    assert [boxes(answer)["green"][1] for answer in answers] == [pytest.approx(place / 64) for place in places]
