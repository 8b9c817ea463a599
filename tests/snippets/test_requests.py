"""Every language's snippet sends the very request that it was made for, whatever it holds."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelport.discovery import FilePlace, Operation
from modelport.snippets.call import build_call
from modelport.snippets.language import Language, render
from modelport.snippets.languages import LANGUAGES

pytestmark = pytest.mark.snippets
each_language = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)

NASTY = "\"'`$(id)${HOME}#{id}#@a\\u0041\\n%s%%??/???\n\r\t\x01\x7f\xa0é日本😀\u2028\u202e\ufeff'''\"\"\"</script>*/ //"
PLAIN = [0, -1, 1.5, 0.1, 1e-7, 1e300, 2**31 - 1, True, False, None, [], {}, "", " ", [[]], [1], ["a"], [None]]
BODIES = {
    "texts": [NASTY, NASTY[::-1], *NASTY, {NASTY: NASTY, "__proto__": 1, "constructor": 2, " ": 3, "NA": "NA"}],
    "numbers": [*PLAIN, PLAIN, [[[0.5, 255, 3]] * 40] * 4, 100000, 123456789.0, 2.0],
    "what some languages cannot hold": [2**31, -(2**31), 2**53 + 1, 2**63, 0.1 + 0.2, 5e-324, "\0", {"": NASTY}],
    "more than a constant may have": ['a b"\\' * 20_000, list(range(9_000))],
}
FILE = bytes(range(256)) * 300 + b"\xff"
FILE_NAME = 'it\'s a "picture" $(id) `id` #{id} %s \\ ??-é日本.png'


@each_language
@pytest.mark.parametrize("name", BODIES)
def test_a_body_arrives_as_it_is(name: str, language: Language, recorder: Any, run_snippet: Callable[..., Any]) -> None:
    path = f"/{language.name}/{list(BODIES).index(name)}?a=b&$x=(1)*%20~;"
    body = {"instances": BODIES[name]}
    operation = Operation("tensorflow-serving", "m", "POST", recorder.url + path, body)

    result = run_snippet(language.run, render(language, build_call(operation)), "a-key")

    assert result.returncode == 0, result.stderr
    assert recorder.bodies[path] == body
    assert recorder.headers[path]["content-type"].startswith("application/json")
    assert "a-key" in (recorder.headers[path].get("x-api-key"), recorder.headers[path].get("authorization", "")[7:])


@each_language
def test_a_file_arrives_as_it_is(
    language: Language, recorder: Any, run_snippet: Callable[..., Any], tmp_path: Path
) -> None:
    path = f"/{language.name}/file"
    example = {"image_type": "base64", "data": "", "routines": [{"name": NASTY}]}
    operation = Operation("nexus", "m", "POST", recorder.url + path, example, FilePlace("/data", "image/png"), False)
    (tmp_path / FILE_NAME).write_bytes(FILE)

    result = run_snippet(language.run, render(language, build_call(operation, FILE_NAME)))

    assert result.returncode == 0, result.stderr
    assert recorder.bodies[path] == example | {"data": base64.b64encode(FILE).decode()}
    assert not recorder.headers[path].keys() & {"x-api-key", "authorization"}
    assert json.loads(result.stdout) == {"predictions": []}


@each_language
def test_nobody_there_is_a_failure(language: Language, run_snippet: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    operation = Operation("tensorflow-serving", "m", "POST", f"http://127.0.0.1:{port}/x", {"instances": [1.0]})

    result = run_snippet(language.run, render(language, build_call(operation)))

    assert result.returncode != 0
    assert result.stdout == ""
    assert result.stderr != ""


@pytest.mark.parametrize("file", [None, "picture.png"], ids=["inline", "a file"])
@pytest.mark.parametrize(
    ("language", "check"),
    [
        pytest.param("go", 'test -z "$(gofmt -d ask.go | tee /dev/stderr)" && go vet ask.go', id="gofmt and vet"),
        pytest.param("c", "cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only ask.c", id="all warnings of cc"),
        pytest.param("javascript", "node --check ask.mjs", id="node's syntax check"),
        pytest.param("ruby", "ruby -wc ask.rb", id="ruby's warnings"),
        pytest.param("curl", "bash -n ask.sh", id="bash's syntax check"),
    ],
)
def test_the_tools_of_the_language_find_nothing(
    language: str, check: str, file: str | None, run_snippet: Callable[..., Any]
) -> None:
    place = FilePlace("/data", "image/png")
    operation = Operation("nexus", "m", "POST", "http://h/m", {"image_type": "base64", "data": "AAAA"}, place)

    result = run_snippet(check, render(LANGUAGES[language], build_call(operation, file)))

    assert result.returncode == 0, result.stderr
