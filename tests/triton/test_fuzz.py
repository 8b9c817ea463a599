"""Bodies of every kind against the live gateway: each is answered, with a 4xx in the format's shape or with a 200.

We test these aspects: valid requests with a value replaced, with bytes changed, and arbitrary bytes; content types and
encodings that lie; bombs; binary tensors whose lengths disagree; nesting, numbers and names without end. After each the
model answers right, so nothing that was sent has hurt it.
"""

from __future__ import annotations

import copy
import gzip
import json
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MEBIBYTE = 1 << 20
PREDICT = "/v1/models/half_plus_two:predict"
INFER = "/v2/models/half_plus_two/infer"
VALID: Mapping[str, Any] = {
    PREDICT: {"signature_name": "serving_default", "instances": [1.0, 2.0, 5.0]},
    INFER: {
        "id": "a",
        "inputs": [{"name": "x", "shape": [3], "datatype": "FP32", "data": [1.0, 2.0, 5.0]}],
        "outputs": [{"name": "y"}],
    },
    "/v1/models/saved_model_half_plus_three:regress": {
        "signature_name": "tensorflow/serving/regress",
        "context": {},
        "examples": [{"x": 1.0}, {"x": [2.0]}],
    },
    "/v1/models/ripeness/labels/canary:classify": {
        "signature_name": "classify",
        "context": {"colour": 0.9},
        "examples": [{"firmness": 0.2}, {"firmness": 0.8}],
    },
    "/v1/models/echo:predict": {"inputs": {"text": ["hello", {"b64": "aGVsbG8="}]}},
    "/v2/models/echo/infer": {
        "inputs": [{"name": "text", "shape": [2], "datatype": "BYTES", "data": ["hello", ""]}],
        "outputs": [{"name": "echo", "parameters": {"binary_data": False}}],
    },
}
"""A right request for each way to ask: both formats, numbers and strings, every verb."""
INTERNALS = re.compile(r"Traceback|\.py\b|/(?:etc|home|opt|proc|root|tmp|usr|var|work)/|site-packages|0x[0-9a-f]{8}")
"""What a message shows of the inside only by mistake."""

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)

Post = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def post(served) -> Iterator[Post]:
    """Send bytes as they are, with the model's key, over connections that are kept."""
    with requests.Session() as session:

        def send(path: str, body: bytes, headers: Mapping[str, str] | None = None) -> requests.Response:
            key = served.keys.get(re.split("[/:]", path)[3], "none is asked")
            sent = {"x-api-key": key, **(headers or {})}
            while (answer := session.post(served.url + path, data=body, headers=sent, timeout=30)).status_code == 429:
                time.sleep(0.05)  # the example's rate limit, which is not what is tested here
            return answer

        yield send


@pytest.fixture(scope="module", autouse=True)
def _every_model_answers_as_before(post: Post) -> Iterator[None]:
    before = {path: post(path, encoded(request)) for path, request in VALID.items()}
    for answer in before.values():
        check(answer, 200)
    yield
    for path, request in VALID.items():
        assert post(path, encoded(request)).content == before[path].content


@pytest.fixture(autouse=True)
def _still_right(post: Post) -> Iterator[None]:
    yield
    assert post(PREDICT, encoded(VALID[PREDICT])).json() == {"predictions": [2.5, 3.0, 4.5]}
    assert post(INFER, encoded(VALID[INFER])).json()["outputs"][0]["data"] == [2.5, 3.0, 4.5]


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def check(answer: requests.Response, *statuses: int) -> None:
    """An answer is a 200 or a 4xx with `{"error": sentence}`, whatever was sent."""
    assert answer.status_code in (statuses or (200, *range(400, 500))), (answer.status_code, answer.content[:500])
    assert answer.headers["X-Request-Id"]
    if answer.status_code == 200:
        return
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert list(body) == ["error"]
    assert isinstance(body["error"], str)
    assert body["error"].strip()
    assert len(body["error"]) < 2_000
    assert not INTERNALS.search(body["error"]), body["error"]


# ── generated bodies ──────────────────────────────────────────────────────────────────────────────────────────────────

NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 2**31, 2**63, -(2**63), 2**64, 10**400, 1e308, 1e-320, -0.0, 3.4028236e38]),
)
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["x", "y", "FP32", "BYTES", "INT64", "", "\x00", "\ud800", "NaN", "1.0", "😀" * 50, "__class__"]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            TEXTS | st.sampled_from(["b64", "x", "text", "inputs", "instances", "data"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container in a JSON value with each of its keys or indexes."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield value, key
        yield from places(member)


@st.composite
def replaced(draw: st.DrawFn, valid: Any) -> Any:
    """A valid request with one or two of its values replaced, left out, or joined by others."""
    request = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 2))):
        container, key = draw(st.sampled_from([*places(request), (request, "x")]))
        change = draw(st.sampled_from(["replace", "remove", "add"]))
        if change == "replace":
            container[key] = draw(VALUES)
        elif change == "remove" and key in (container if isinstance(container, dict) else range(len(container))):
            del container[key]
        elif isinstance(container, dict):
            container[draw(TEXTS)] = draw(VALUES)
        else:
            container.append(draw(VALUES))
    return request


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """A valid request with some bytes cut out, doubled or overwritten."""
    start = draw(st.integers(0, len(valid) - 1))
    end = draw(st.integers(start, min(start + 8, len(valid))))
    return valid[:start] + draw(st.binary(max_size=4) | st.just(valid[start:end] * 2)) + valid[end:]


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            [
                "text/plain",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
                "image/png",
                ";",
                "é",
            ]
        ).map(lambda text: text.encode("latin-1")),
        "Content-Encoding": st.sampled_from(["gzip", "deflate", "identity", "br", "gzip, gzip", "GZIP", "x" * 500, ""]),
        "Accept-Encoding": st.sampled_from(["gzip", "deflate;q=0", "*;q=0", "identity;q=0, *;q=0", "%"]),
        "Inference-Header-Content-Length": st.sampled_from(["0", "1", "-1", "40", "99999999999999999999", "1e1", "x"]),
        "X-Request-Id": st.sampled_from(["a", "a b", "é".encode("latin-1"), "x" * 200, '"<>']),
        "traceparent": st.sampled_from(["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-zz-1-01", "-"]),
        "Accept": st.sampled_from(["text/html", "application/xml", "*/*;q=0"]),
    },
)


@pytest.mark.parametrize("path", VALID)
@FUZZ
@given(data=st.data())
def test_a_request_with_replaced_values(post: Post, path: str, data: st.DataObject) -> None:
    check(post(path, encoded(data.draw(replaced(VALID[path])))))


@pytest.mark.parametrize("path", VALID)
@FUZZ
@given(data=st.data())
def test_a_request_with_damaged_bytes(post: Post, path: str, data: st.DataObject) -> None:
    check(post(path, data.draw(damaged(encoded(VALID[path])))))


@pytest.mark.parametrize("path", VALID)
@FUZZ
@given(body=st.binary(max_size=200) | VALUES.map(encoded), headers=HEADERS)
def test_any_body_with_any_headers(post: Post, path: str, body: bytes, headers: Mapping[str, str]) -> None:
    check(post(path, body, headers))


@pytest.mark.parametrize("path", VALID)
@FUZZ
@given(headers=HEADERS)
def test_a_valid_body_with_any_headers(post: Post, path: str, headers: Mapping[str, str]) -> None:
    check(post(path, encoded(VALID[path]), headers))


@FUZZ
@given(
    shape=st.lists(st.integers(-1, 5) | st.just(2**40), max_size=3),
    size=st.one_of(st.integers(-1, 40), st.sampled_from([2**63, 10**30, 1.5, "12", None, True])),
    tail=st.binary(max_size=40),
    shift=st.integers(-3, 3),
)
def test_binary_tensors_whose_lengths_disagree(post: Post, shape: Any, size: Any, tail: bytes, shift: int) -> None:
    tensor = {"name": "x", "shape": shape, "datatype": "FP32", "parameters": {"binary_data_size": size}}
    header = encoded({"inputs": [tensor]})
    check(post(INFER, header + tail, {"Inference-Header-Content-Length": str(len(header) + shift)}))


# ── cases ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def deflated(data: bytes, *, raw: bool = False) -> bytes:
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS if raw else zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


RIGHT = encoded(VALID[PREDICT])
ENCODED: Mapping[str, tuple[str, bytes, int]] = {
    "gzip": ("gzip", gzip.compress(RIGHT), 200),
    "deflate with its frame": ("deflate", deflated(RIGHT), 200),
    "deflate without its frame": ("deflate", deflated(RIGHT, raw=True), 200),
    "gzip that is none": ("gzip", RIGHT, 400),
    "deflate that is none": ("deflate", RIGHT, 400),
    "gzip cut off": ("gzip", gzip.compress(RIGHT)[:-12], 400),
    "gzip with a wrong checksum": ("gzip", gzip.compress(RIGHT)[:-8] + bytes(8), 400),
    "gzip of nothing": ("gzip", gzip.compress(b""), 400),
    "gzip bomb": ("gzip", gzip.compress(b" " * (80 * MEBIBYTE)), 413),
    "deflate bomb": ("deflate", deflated(b"[" * (80 * MEBIBYTE)), 413),
    "bomb in a bomb": ("gzip", gzip.compress(gzip.compress(b" " * (80 * MEBIBYTE))), 400),
    "unknown": ("br", RIGHT, 415),
}


@pytest.mark.parametrize(("encoding", "body", "status"), ENCODED.values(), ids=ENCODED)
def test_content_encodings(post: Post, encoding: str, body: bytes, status: int) -> None:
    check(post(PREDICT, body, {"Content-Encoding": encoding}), status)


def shaped(*shape: int) -> bytes:
    return encoded({"inputs": [{"name": "x", "shape": shape, "datatype": "FP32", "data": []}]})


BODIES: Mapping[str, bytes] = {
    "nothing": b"",
    "half a million nested lists": b'{"instances": ' + b"[" * 500_000,
    "half a million nested objects": b'{"a":' * 500_000,
    "closed nesting": b'{"instances": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "nesting beside a right request": b'{"z": ' + b"[" * 5_000 + b"]" * 5_000 + b', "instances": [1.0]}',
    "a number that no double holds": b'{"instances": [1e999]}',
    "an endless number": b'{"instances": [' + b"1" * 200_000 + b"]}",
    "an endless fraction": b'{"instances": [0.' + b"1" * 200_000 + b"e]}",
    "an endless name": b'{"' + b"n" * 2_000_000 + b'": 1}',
    "an endless string": b'{"instances": ["' + b"s" * 2_000_000 + b'"]}',
    "many keys": b"{" + b",".join(b'"%d": 1' % n for n in range(50_000)) + b"}",
    "doubled keys": b'{"instances": [1.0], "instances": [2.0], "instances": 3}',
    "UTF-16": json.dumps(VALID[PREDICT]).encode("utf-16"),
    "a lone surrogate": b'{"instances": ["\\ud800"]}',
    "no UTF-8": b'{"instances": ["\xff\xfe"]}',
    "a NUL": b'{"instances": [1.0\x00]}',
    "two documents": RIGHT + RIGHT,
    "ragged rows": b'{"instances": [[1.0], [1.0, 2.0]]}',
    "both ways at once": b'{"instances": [1.0], "inputs": [1.0]}',
    "a shape beyond all memory": shaped(2**62),
    "a shape that overflows": shaped(2**32, 2**32),
    "a negative shape": shaped(-1),
    "shared memory": b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "parameters": '
    b'{"shared_memory_region": "r", "shared_memory_byte_size": 4}}]}',
}


@pytest.mark.parametrize("path", [PREDICT, INFER])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bodies_that_cannot_be_meant_so(post: Post, path: str, body: bytes) -> None:
    check(post(path, body), *range(400, 500))


@pytest.mark.parametrize("body", [b'{"inputs": []}', b'{"inputs": {"x": []}}'], ids=["unnamed", "named"])
def test_no_rows_are_an_answer_of_no_rows(post: Post, body: bytes) -> None:
    answer = post(PREDICT, body)
    check(answer, 200)
    assert answer.json() == {"outputs": []}


def test_a_byte_order_mark_is_no_error(post: Post) -> None:
    check(post(PREDICT, b"\xef\xbb\xbf" + RIGHT), 200)


@pytest.mark.parametrize("path", [PREDICT, INFER])
def test_the_largest_body_is_refused_before_it_is_read(post: Post, path: str) -> None:
    check(post(path, b" " * (64 * MEBIBYTE + 1)), 413)
