"""`modelport snippet` against a server that describes itself, and against everything else."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from modelport.cli import main


def operation(model: str, api: str, example: object, **members: object) -> dict[str, object]:
    content = {"application/json": {"example": example}}
    return {"post": {"tags": [model], "x-modelport-api": api, "requestBody": {"content": content}, **members}}


DOCUMENT = {
    "paths": {
        "/v1/models/half:predict": operation("half", "tensorflow-serving", {"instances": [1.0]}),
        "/v1/models/cups:predict": operation("cups", "tensorflow-serving", {"instances": [[0, 255]]}),
        "/cups/predict": operation(
            "cups",
            "nexus",
            {"image_type": "base64", "data": "AAAA"},
            **{"x-modelport-file": {"pointer": "/data", "mediaType": "image/png"}},
        ),
    }
}


@pytest.fixture
def base(run_in_a_thread: Callable[..., Any]) -> str:
    """A server with a document for one model."""

    async def describe(request: web.Request) -> web.Response:
        return web.json_response(DOCUMENT)

    app = web.Application()
    app.router.add_get("/openapi.json", describe)
    server = TestServer(app, port=unused_port())
    run_in_a_thread(server)
    return f"http://127.0.0.1:{server.port}"


def test_the_program_is_all_that_is_printed(base: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["snippet", "half", "--lang", "py", "--url", base]) == 0

    out, err = capfdbinary.readouterr()
    ast.parse(out.decode())
    assert f'URL = "{base}/v1/models/half:predict"' in out.decode()
    assert err == b""


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        pytest.param([], "/v1/models/cups:predict", id="its first API"),
        pytest.param(["--api", "nexus"], "/cups/predict", id="the API asked for"),
        pytest.param(["--file", "a.png"], "/cups/predict", id="the first API that takes a file"),
    ],
)
def test_the_api_is_chosen(
    arguments: list[str], path: str, base: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["snippet", "cups", *arguments, "--lang", "go", "--url", base]) == 0

    assert f'const url = "{base}{path}"' in capfdbinary.readouterr().out.decode()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["other"], "'other', only for half, cups", id="an unknown model"),
        pytest.param(["half", "--api", "nexus"], "it has them for tensorflow-serving", id="an unknown API"),
        pytest.param(["half", "--file", "a.png"], "a request to 'half' holds no file", id="a file for numbers"),
    ],
)
def test_a_wish_that_the_server_cannot_meet(
    arguments: list[str], words: str, base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["snippet", *arguments, "--lang", "go", "--url", base]) == 1

    out, err = capsys.readouterr()
    assert words in err
    assert (out, err.count("\n")) == ("", 1)


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["snippet", "half", "--lang", "go", "--url", f"http://127.0.0.1:{unused_port()}"]) == 1

    assert "/openapi.json does not answer: Connection refused" in capsys.readouterr().err


def test_an_unknown_language_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["snippet", "half", "--lang", "cobol"])

    assert (
        "argument --lang: expected one of curl, python, python-client, javascript, axios, java, go, r, ruby, c, "
        "got 'cobol'" in capsys.readouterr().err
    )


def test_the_help_lists_the_languages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["snippet", "--help"])

    assert "languages: curl, python, python-client, javascript, axios, java, go, r, ruby, c" in capsys.readouterr().out
