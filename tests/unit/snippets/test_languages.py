"""What every language's program has, and the ways in which some differ. That they run is shown in tests/snippets."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelport.client import FORMATS
from modelport.snippets import SnippetError
from modelport.snippets.call import FILE, Call
from modelport.snippets.language import render
from modelport.snippets.languages import ALIASES, LANGUAGES, go, java, javascript, python_client, r
from modelport.snippets.values import JSON_ASCII, json_parts

URL = "http://127.0.0.1:8080/shapes/predict"
PICTURE = {"image_type": "base64", "data": "iVBORw0KGgo="}


def nexus(**members: Any) -> Call:
    return Call(**{"model": "shapes", "api": "nexus", "url": URL, "body": PICTURE, "holds_file": True} | members)


def with_file(path: str = "picture.jpg") -> Call:
    return nexus(body=PICTURE | {"data": FILE}, file=path)


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
class TestEveryLanguage:
    def test_says_at_its_top_how_it_is_run(self, language: Any) -> None:
        top = render(language, nexus()).partition("\n\n")[0]

        assert all(line.startswith(language.comment) for line in top.splitlines())
        assert "model shapes by its API nexus" in top
        assert language.run in top
        assert "--file PATH" in top

    def test_asks_for_a_key_only_where_one_is_needed(self, language: Any) -> None:
        assert "MODELPORT_KEY" in render(language, nexus()).partition("\n\n")[2]
        assert not re.search("key", render(language, nexus(key_needed=False)), re.IGNORECASE)

    def test_reads_a_file_or_holds_its_base64(self, language: Any) -> None:
        inline, reading = render(language, nexus()), render(language, with_file())

        assert PICTURE["data"] in inline
        assert PICTURE["data"] not in reading
        assert "picture.jpg" in reading
        assert "--file" not in reading

    def test_has_no_gap_left_and_ends_with_a_line(self, language: Any) -> None:
        for call in (nexus(), nexus(key_needed=False), with_file()):
            code = render(language, call)
            assert "«" not in code
            assert code.endswith("\n")
            assert not code.endswith("\n\n")
            assert "\n\n\n" not in code

    def test_has_no_code_of_a_lying_server(self, language: Any) -> None:
        code = render(language, nexus(model="a\nexec()", api="nexus", body=PICTURE | {"x": "\n\"'; exec() //"}))

        assert not re.search(r"^\W*exec\(\)", code, re.MULTILINE)


def test_every_word_names_one_language() -> None:
    assert not ALIASES.keys() & LANGUAGES.keys()
    assert sum(len(each.aliases) for each in LANGUAGES.values()) == len(ALIASES)


@pytest.mark.parametrize(
    ("number", "native"),
    [
        pytest.param(2**53, True, id="the largest exact integer"),
        pytest.param(2**53 + 1, False, id="one more"),
        pytest.param(1e300, True, id="a large float"),
    ],
)
def test_javascript_sends_as_text_what_its_numbers_cannot_hold(number: float, native: bool) -> None:
    body = javascript.write_body(nexus(body=[number]))

    assert body == (f"JSON.stringify([{number!r}])" if native else f'"[{number}]"')


@pytest.mark.parametrize(
    ("value", "native"),
    [
        pytest.param(2**31 - 1, True, id="the largest integer"),
        pytest.param(-(2**31), False, id="the integer that stands for a missing value"),
        pytest.param(0.1, True, id="a float of few digits"),
        pytest.param(0.1 + 0.2, False, id="a float of 17 digits"),
        pytest.param("\0", False, id="a text with NUL"),
        pytest.param({"": 1}, False, id="an empty name"),
        pytest.param(True, True, id="a truth value"),
        pytest.param(None, True, id="null"),
    ],
)
def test_r_sends_as_text_what_it_cannot_hold(value: Any, native: bool) -> None:
    assert ("jsonlite::toJSON(" in r.program(nexus(body=[value]))) == native
    assert ("paste0(" in r.program(nexus(body=[value]))) != native


def test_go_quotes_what_holds_its_raw_quote() -> None:
    assert go.raw('{"a": "\\n"}') == '`{"a": "\\n"}`'
    assert go.raw('"`"') == r'"\"`\""'


@given(value=st.recursive(st.text(' "\\%é\n') | st.integers(), lambda inner: st.lists(inner, max_size=9)))
@example(value='"""')
@example(value=["\\" * 9, " " * 9])
def test_a_text_block_of_java_is_the_text(value: Any) -> None:
    (text,) = json_parts(value, JSON_ASCII)

    assert read_text_block(java.text_block(text)) == text
    assert read_text_block(textwrap.indent(java.text_block(text), "    ")) == text


def test_a_text_that_java_cannot_hold_as_one_constant_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "LONGEST", 7)
    text = json.dumps(['a  "" b', "  ", "c" * 20])

    joined = java.text_block(text)

    assert joined.startswith('String.join("",\n"""')
    blocks = re.findall(r'"""\n.*?(?<!\\)(?:\\\\)*"""', joined, re.DOTALL)
    assert "".join(map(read_text_block, blocks)) == text


def read_text_block(literal: str) -> str:
    """Strip indentation and spaces at the ends of lines, then read the escapes (JLS, 3.10.6)."""
    content = re.fullmatch(r'\s*"""\n(.*)"""', literal, re.DOTALL)
    assert content, "it begins with quotes and a line break, and ends with quotes"
    assert not re.search(r'(?<!\\)(?:\\\\)*"""', content[1]), "it does not end before"
    assert not content[1].endswith('"') or content[1].endswith('\\"')
    lines = [line.rstrip() for line in textwrap.dedent(content[1]).split("\n")]
    escapes = {r"\\": "\\", r"\"": '"', r"\s": " "}
    return re.sub(r"\\.", lambda found: escapes[found[0]], "\n".join(lines))


REQUESTS = {
    "tensorflow-serving": ({"signature_name": "s", "instances": [1.0]}, 'signature_name="s", instances=[1.0]'),
    "open-inference": (
        {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1.0]}]},
        '{\n  "x": np.array([1.0], np.float32).reshape([1, 1]),\n}',
    ),
    "nnc": (
        {"inputs": [{"name": "x", "type": "png", "data": FILE}, {"name": "y", "type": "vector", "data": [1]}]},
        '{\n  "x": "a.png",\n  "y": [1],\n}',
    ),
    "azureml": (
        [{"image_in_base64": FILE, "parameters": {"add_softmax": True}}],
        '["a.png"], parameters={"add_softmax": True}',
    ),
    "nexus": ({"image_type": "base64", "data": FILE, "routines": []}, '"a.png", routines=[]'),
    "prediction-one": (
        {"inputs": [{"name": "pr", "type": "csv", "data": FILE}, {"name": "nr", "type": "boolean", "data": True}]},
        '"a.png", row_numbers=False',
    ),
}


@pytest.mark.parametrize("api", REQUESTS)
def test_the_client_is_called_by_its_own_classes(api: str) -> None:
    body, arguments = REQUESTS[api]

    code = python_client.program(Call("m", api, URL, body, "a.png", holds_file=True))

    ast.parse(code)
    assert f"request = {FORMATS[api].__name__}({arguments})\n" in code


def test_the_client_has_a_snippet_for_each_of_its_formats() -> None:
    assert REQUESTS.keys() == FORMATS.keys()


@pytest.mark.parametrize(
    ("api", "body", "words"),
    [
        pytest.param("other", {}, "modelport.client has no class for other; it has them for", id="an unknown format"),
        pytest.param("nexus", {"image_type": "film", "data": ""}, "is not in the format nexus", id="an unknown member"),
        pytest.param("nnc", [1], "is not in the format nnc", id="another shape"),
        pytest.param("tensorflow-serving", {"a)": 1}, "not in the format tensorflow", id="code for an argument's name"),
    ],
)
def test_an_example_that_the_client_cannot_send_is_refused(api: str, body: Any, words: str) -> None:
    with pytest.raises(SnippetError, match=words):
        python_client.program(Call("m", api, URL, body))
