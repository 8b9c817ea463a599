"""What prediction-one refuses, and with which words; what no body can make it do; what it says of itself.

Whole exchanges are recorded in `tests/contract/prediction-one`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import validate

from modelport.api import PublishedModelSpec
from modelport.gateway import errors
from modelport.gateway.errors import BadRequest, GatewayError, InternalError
from modelport.gateway.formats.base import Call, Model
from modelport.gateway.formats.prediction_one import PredictionOne
from modelport.gateway.formats.prediction_one.columns import column_names
from modelport.gateway.keys import Cause, KeyRefused
from modelport.gateway.tensors import DTYPES, InferRequest, InferResult, ModelMeta, TensorSpec

FORMAT = PredictionOne()
BAD = (4001000204, "PREDA_EXTERNAL_BAD_REQUEST")
INTERNAL = (5001000201, "PREDA_EXTERNAL_INTERNAL_SERVER_ERROR")


def model(
    inputs: Mapping[str, tuple[str, tuple[int, ...]]],
    *,
    optional: str = "",
    batch: int = 8,
    task: str = "TabularClassification",
    tabular: Mapping[str, Any] | None = None,
    **blocks: Any,
) -> Model:
    io = {"task": task} | ({"tabular": tabular} if tabular else {})
    spec = {"model": {"format": "ONNX", "source": {"uri": "file:m"}}, "io": io, **blocks}
    specs = {name: TensorSpec(name, *each, optional=name == optional) for name, each in inputs.items()}
    outputs = {"y": TensorSpec("y", "FP32", (-1, 2)), "contributions": TensorSpec("contributions", "FP32", (-1, -1))}
    meta = ModelMeta("m", 1, "onnx", batch, specs, outputs)
    return Model("m", PublishedModelSpec.model_validate(spec, strict=False), ("no", "yes"), meta)


MIXED = model({"x": ("FP32", (-1,)), "n": ("INT64", (-1, 1)), "s": ("BYTES", (-1,))}, optional="s")
WIDE = model({"features": ("FP32", (-1, 2))}, tabular={"columns": ["a", "b"]})
ALONE = model({"x": ("FP32", (1, 1))}, batch=0)


def table(text: str) -> dict[str, Any]:
    return {"name": "pr", "type": "csv", "data": base64.b64encode(text.encode()).decode()}


def call(*inputs: Any) -> Call:
    return asked(json.dumps({"inputs": inputs}).encode())


def asked(body: bytes) -> Call:
    return Call("POST", "/v1/external/models/m/inference", FORMAT.routes[0], {"model": "m"}, body=body)


def columns(sent: Call) -> InferRequest:
    return FORMAT.decode(sent, MIXED)


ROW = table("x,n\n1.5,2\n")
TAKES = "prediction-one takes 'pr', 'ar', 'ad', 'nc', 'nr', 'pc'"

REFUSED: dict[str, tuple[Model, Call, str]] = {
    "a list as the body": (MIXED, asked(b"[]"), "body: expected a JSON object, got a list"),
    "no inputs": (MIXED, asked(b"{}"), "inputs: expected a list of objects, got null"),
    "no table": (MIXED, call(), f'inputs: "pr" is missing, {TAKES}'),
    "two tables": (MIXED, call(ROW, ROW), f'inputs[1].name: "pr" is given in inputs[0] too; {TAKES}, each once'),
    "an unknown input": (MIXED, call({**ROW, "name": "PR"}), f'inputs[0].name: no such input "PR", {TAKES}'),
    "a table of another type": (MIXED, call({**ROW, "type": "zip"}), "inputs[0].type: expected 'csv' for \"pr\""),
    "a flag of another type": (
        MIXED,
        call(ROW, {"name": "ar", "type": "string", "data": "true"}),
        'inputs[1].type: expected \'boolean\' for "ar", got "string"',
    ),
    "a flag of another word": (
        MIXED,
        call(ROW, {"name": "ar", "type": "boolean", "data": "yes"}),
        'inputs[1].data: expected true or false, got the string "yes"',
    ),
    "a flag that is null": (
        MIXED,
        call(ROW, {"name": "nr", "type": "boolean", "data": None}),
        "inputs[1].data: expected true or false, got null",
    ),
    "a heading that is no string": (
        MIXED,
        call(ROW, {"name": "pc", "type": "string", "data": 1}),
        "inputs[1].data: expected the name of a column, got the number 1",
    ),
    "an empty heading": (
        MIXED,
        call(ROW, {"name": "pc", "type": "string", "data": ""}),
        'inputs[1].data: expected the name of a column, got the string ""',
    ),
    "a table that is no string": (
        MIXED,
        call({**ROW, "data": [1]}),
        "inputs[0].data: expected base64 text of a csv file, got a list",
    ),
    "a table that is no base64": (MIXED, call({**ROW, "data": "~"}), "inputs[0].data: not valid base64"),
    "a table that stands there as text": (
        MIXED,
        call({**ROW, "data": "x,n\n1,2\n"}),
        "inputs[0].data: not valid base64",
    ),
    "a missing column of a wide input": (
        WIDE,
        call(table("a,c\n1,2\n")),
        "inputs[0].data: the column \"b\" is missing; the header has 'a', 'c'",
    ),
    "a doubled column": (
        MIXED,
        call(table("x,n,x\n1,2,3\n")),
        'inputs[0].data: the column "x" stands twice in the header',
    ),
    "an empty integer": (
        MIXED,
        call(table("x,n\n1,2\n1,\n")),
        'inputs[0].data: line 3, column "n": expected an integer from -9223372036854775808 to 9223372036854775807',
    ),
    "two rows for a model that takes one": (
        ALONE,
        call(table("x\n1\n2\n")),
        "inputs[0].data: the model takes one row at once, got 2",
    ),
    "more cells than the limit": (
        model({"x": ("FP32", (-1,))}, limits={"tensorElements": 4}),
        call(table("x,y\n1,2\n3,4\n5,6\n")),
        "inputs[0].data: more than 4 cells",
    ),
}


@pytest.mark.parametrize(("served", "sent", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses(served: Model, sent: Call, message: str) -> None:
    with pytest.raises(BadRequest) as caught:
        FORMAT.decode(sent, served)
    assert str(caught.value).startswith(message)


def test_reasons_need_the_output() -> None:
    served = model({"x": ("FP32", (-1,))})
    plain = ModelMeta("m", 1, "onnx", 8, served.meta.inputs, {"y": served.meta.outputs["y"]})
    with pytest.raises(BadRequest, match=r"inputs\[1\].data: the model gives no reasons"):
        FORMAT.decode(
            call(table("x\n1\n"), {"name": "ar", "type": "boolean", "data": True}),
            Model("m", served.spec, (), plain),
        )


def test_columns_are_found_in_any_order_and_others_passed_over() -> None:
    found = columns(call(table("s,note,n,x\né,1,2,1.5\n,,3,\n"))).inputs
    assert found["x"].tolist() == [1.5, pytest.approx(np.nan, nan_ok=True)]
    assert found["n"].tolist() == [[2], [3]]
    assert found["s"].tolist() == ["é".encode(), b""]


def test_a_column_of_an_optional_input_may_be_missing() -> None:
    assert columns(call(ROW)).inputs.keys() == {"x", "n"}


def test_a_model_without_a_batch_takes_one_row() -> None:
    assert FORMAT.decode(call(table("x\n1\n")), ALONE).inputs["x"].tolist() == [[1]]


def test_columns_side_by_side_of_a_model_without_a_batch() -> None:
    served = model({"features": ("FP32", (2,))}, batch=0, tabular={"columns": ["a", "b"]})
    assert FORMAT.decode(call(table("b,a\n1,2\n")), served).inputs["features"].tolist() == [2, 1]


def test_types_in_capitals_are_taken() -> None:
    assert columns(call({**ROW, "type": "CSV"})).inputs["x"].tolist() == [1.5]


NO_COLUMNS = {
    "a wide input without its columns": (
        model({"features": ("FP32", (-1, 3))}),
        "spec.io.tabular: 1 column cannot make the model's input 'features', whose shape is [?, 3]",
    ),
    "columns for a wide input of another size": (
        model({"features": ("FP32", (-1, 3))}, tabular={"columns": ["a", "b"]}),
        "spec.io.tabular: 2 columns cannot make the model's input 'features', whose shape is [?, 3]",
    ),
    "columns for several inputs": (
        model({"a": ("FP32", (-1,)), "b": ("FP32", (-1,))}, tabular={"columns": ["a", "b"]}),
        "spec.io.tabular: expected one input that takes them, the model has 'a', 'b'",
    ),
}


@pytest.mark.parametrize(("served", "message"), NO_COLUMNS.values(), ids=NO_COLUMNS)
def test_a_model_that_takes_no_columns_is_its_publishers_fault(served: Model, message: str) -> None:
    with pytest.raises(InternalError) as caught:
        FORMAT.decode(call(ROW), served)
    assert str(caught.value) == message
    operation = FORMAT.openapi(served)["/v1/external/models/m/inference"]["post"]
    assert message in operation["description"]
    assert "x-modelport-file" not in operation


ERRORS: tuple[tuple[GatewayError, int, tuple[int, str], str], ...] = (
    (KeyRefused(Cause.MISSING), 400, BAD, "invalid_api_key."),
    (KeyRefused(Cause.UNKNOWN), 400, BAD, "Not_found_credential."),
    (KeyRefused(Cause.EXPIRED), 400, BAD, "Inactive_credential."),
    (KeyRefused(Cause.REVOKED), 400, BAD, "Inactive_credential."),
    (KeyRefused(Cause.CONFLICTING), 400, BAD, "x-api-key and Authorization hold different keys: send one of them"),
    (errors.ModelNotFound("m"), 400, BAD, "Not found classifier."),
    (errors.NotFound("x"), 400, BAD, "x"),
    (errors.BadRequest("x"), 400, BAD, "x"),
    (errors.Forbidden("x"), 400, BAD, "x"),
    (errors.MethodNotAllowed("x", ("POST",)), 405, BAD, "x"),
    (errors.BodyTooLarge("x"), 413, BAD, "x"),
    (errors.UnsupportedEncoding("x"), 415, BAD, "x"),
    (errors.RateLimited("x"), 429, BAD, "x"),
    (errors.InternalError("x"), 500, INTERNAL, "x"),
    (errors.BadUpstream("x"), 500, INTERNAL, "x"),
    (errors.Unavailable("x"), 503, INTERNAL, "x"),
    (errors.DeadlineExceeded("x"), 504, INTERNAL, "x"),
)


@pytest.mark.parametrize(("error", "status", "code", "message"), ERRORS, ids=lambda it: getattr(it, "message", ""))
def test_errors_have_the_documents_codes(error: GatewayError, status: int, code: tuple[int, str], message: str) -> None:
    reply = FORMAT.encode_error(error, call())
    assert reply.status == status
    assert json.loads(reply.body) == {"code": code[0], "error": code[1], "message": message}


EVERY_KIND = model({dtype: (dtype, (-1,)) for dtype in DTYPES})


@pytest.mark.parametrize("served", [MIXED, WIDE, ALONE, EVERY_KIND], ids=["mixed", "wide", "alone", "every dtype"])
def test_the_example_of_openapi_is_taken(served: Model) -> None:
    paths = FORMAT.openapi(served)
    validate({"openapi": "3.1.0", "info": {"title": "models", "version": "1"}, "paths": paths})
    (operation,) = (item["post"] for item in paths.values())
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert FORMAT.decode(asked(json.dumps(example).encode()), served).inputs.keys() == served.meta.inputs.keys()
    assert operation["x-modelport-file"] == {"pointer": "/inputs/0/data", "mediaType": "text/csv"}
    header = base64.b64decode(example["inputs"][0]["data"]).decode().partition("\r\n")[0]
    assert header.split(",") == list(column_names(served))


FLAGS = st.sampled_from(["ar", "ad", "nc", "nr"]).map(lambda name: {"name": name, "type": "boolean", "data": True})
CSV_TEXT = st.text(st.sampled_from('xns,"\r\n1.é'), max_size=12)


@given(CSV_TEXT, st.lists(FLAGS, max_size=3, unique_by=lambda flag: flag["name"]))
def test_every_table_is_answered_row_by_row_or_refused(text: str, flags: list[Any]) -> None:
    sent = call(table(f"x,n\n1,2\n{text}"), *flags)
    try:
        request = columns(sent)
    except BadRequest:
        return
    rows = len(request.inputs["x"])
    assert rows >= 1
    given_back = {"y": np.full((rows, 2), 0.5, np.float32), "contributions": np.zeros((rows, 3), np.float32)}
    wanted = request.outputs or ()
    reply = FORMAT.encode(InferResult({name: given_back[name] for name in wanted}, 1), request, sent, MIXED)
    outputs = {each["name"]: base64.b64decode(each["data"]) for each in json.loads(reply.body)["outputs"]}
    assert ("prediction_analysis" in outputs) is (len(wanted) == 2)
    assert all(text.count(b"\r\n") >= rows + 1 for text in outputs.values())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["pr", "ar", "csv", "boolean", "YQ=="]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["inputs", "name", "type", "data"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_any_json_is_refused_in_one_sentence(value: Any) -> None:
    with pytest.raises(BadRequest):
        columns(asked(json.dumps(value).encode()))
