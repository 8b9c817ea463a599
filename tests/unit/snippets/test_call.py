"""From what discovery found to the call that is written; what cannot be written is refused in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from modelport.discovery import FilePlace, Operation
from modelport.snippets import SnippetError
from modelport.snippets.call import FILE, Call, build_call

NNC = Operation(
    api="nnc",
    model="cups",
    method="POST",
    url="http://h/v1/dedicated/classifiers/cups/inference",
    example={"inputs": [{"name": "x", "type": "png", "data": "AAAA"}]},
    file=FilePlace("/inputs/0/data", "image/png", "/inputs/0/type"),
)


def half(**members: Any) -> Operation:
    given = {"api": "tensorflow-serving", "model": "half", "method": "POST", "url": "http://h/x", "example": [1.0]}
    return Operation(**given | members)


def test_the_example_is_the_body() -> None:
    assert build_call(half(key_needed=False)) == Call(
        "half", "tensorflow-serving", "http://h/x", [1.0], file=None, holds_file=False, key_needed=False
    )


def test_a_file_takes_its_place_and_says_its_type() -> None:
    call = build_call(NNC, "pictures/Cup 1.JPG")

    assert call.body == {"inputs": [{"name": "x", "type": "jpg", "data": FILE}]}
    assert call.file == "pictures/Cup 1.JPG"
    assert build_call(NNC).body == NNC.example


@pytest.mark.parametrize(
    ("operation", "file", "words"),
    [
        pytest.param(half(), "a.png", "--file: a request to 'half' holds no file in the API", id="no file in it"),
        pytest.param(
            NNC, "a\nb.png", r"--file: expected a path of printable characters, got 'a\\nb.png'", id="a break"
        ),
        pytest.param(NNC, "\udcff.png", "expected a path of printable characters", id="a path that is not UTF-8"),
        pytest.param(NNC, "", "expected a path of printable characters, got ''", id="an empty path"),
        pytest.param(half(method="PUT"), None, "called by PUT", id="another method"),
        pytest.param(half(example=float("nan")), None, "the server's example for 'half' is not JSON", id="no number"),
        pytest.param(half(example="\ud800"), None, "the server's example for 'half' is not JSON", id="half a pair"),
    ],
)
def test_what_cannot_be_written_is_refused(operation: Operation, file: str | None, words: str) -> None:
    with pytest.raises(SnippetError, match=words):
        build_call(operation, file)
