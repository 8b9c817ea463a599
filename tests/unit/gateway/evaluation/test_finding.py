"""What is stored of a flagged picture: its bytes as they were sent, and a record that a person can read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from modelport.gateway.evaluation.finding import Finding, build_files

Make = Callable[..., Finding]


def written(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 2)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "ending", "content_type"),
    [
        (written("PNG"), ".png", "image/png"),
        (written("JPEG"), ".jpg", "image/jpeg"),
        (written("GIF"), ".gif", "image/gif"),
        (written("BMP"), ".bmp", "image/bmp"),
        (written("TIFF"), ".tif", "image/tiff"),
        (b"\0" * 128 + b"DICM", ".dcm", "application/dicom"),
    ],
    ids=["PNG", "JPEG", "GIF", "BMP", "TIFF", "DICOM"],
)
def test_a_file_stays_as_it_was_sent_and_is_named_for_what_it_is(
    make_finding: Make, content: bytes, ending: str, content_type: str
) -> None:
    picture, record = build_files(make_finding(content))
    assert picture.content == content
    assert (picture.path, picture.content_type) == (f"20261122T165047.123456Z-abc_1{ending}", content_type)
    assert (record.path, record.content_type) == ("20261122T165047.123456Z-abc_1.json", "application/json")


def test_pixels_become_a_file_without_loss(make_finding: Make) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    picture, _ = build_files(make_finding(pixels))
    assert picture.path.endswith(".png")
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(picture.content))), pixels)


def test_the_record_says_how_the_picture_came_about(make_finding: Make) -> None:
    _, record = build_files(make_finding())
    assert json.loads(record.content) == {
        "picture": "20261122T165047.123456Z-abc_1.jpg",
        "model": "shapes",
        "version": "3",
        "digest": "sha256:00",
        "requestId": "abc:1",
        "time": "2026-11-22T16:50:47.123456Z",
        "strategy": "Entropy",
        "score": 0.75,
        "threshold": 0.6,
        "answer": {"predictions": [], "activeLearning": {"flagged": True}},
    }


def test_each_upload_group_gets_both_files(make_finding: Make) -> None:
    files = build_files(make_finding(request_id="a", uploadGroups=["day", "night"]))
    assert [file.path.partition("/")[0] for file in files] == ["day", "day", "night", "night"]
    assert [file.content for file in files[:2]] == [file.content for file in files[2:]]


@pytest.mark.parametrize(("picture", "nbytes"), [(b"12345", 5), (np.zeros((2, 3, 3), np.uint8), 18)])
def test_what_it_holds_is_counted(make_finding: Make, picture: object, nbytes: int) -> None:
    assert make_finding(picture).nbytes == nbytes + len(make_finding().flagged.answer)
