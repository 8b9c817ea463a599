"""Messages to and from Triton: exact for every dtype, and suspicious of what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import model_config_pb2, service_pb2

from modelport.gateway.errors import BadUpstream
from modelport.gateway.tensors import DTYPES, InferRequest, ModelMeta, TensorSpec
from modelport.gateway.triton_protobuf import as_json, decode_response, encode_request, parse_meta, zero_request


def meta(dtype: str = "FP32", *, scalar_rows: bool = False, **changes: Any) -> ModelMeta:
    shape = (-1,) if scalar_rows else (-1, 2)
    x, y = (TensorSpec(name, dtype, shape, scalar_rows=scalar_rows) for name in "xy")
    return ModelMeta(
        **{  # type: ignore[arg-type]
            "name": "m",
            "version": 3,
            "platform": "",
            "max_batch_size": 8,
            "inputs": {"x": x},
            "outputs": {"y": y},
            **changes,
        }
    )


def echoed(message: service_pb2.ModelInferRequest) -> service_pb2.ModelInferResponse:
    answer = service_pb2.ModelInferResponse(model_name=message.model_name, model_version=message.model_version)
    for tensor, raw in zip(message.inputs, message.raw_input_contents, strict=True):
        answer.outputs.add(name="y", datatype=tensor.datatype, shape=tensor.shape)
        answer.raw_output_contents.append(raw)
    return answer


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_comes_back_as_it_went(dtype: str) -> None:
    values = [[b"", b"\x00\xff"], [b"long" * 99, b"x"]] if dtype == "BYTES" else [[0, 1], [1, 0]]
    array = np.array(values, DTYPES[dtype])
    result = decode_response(meta(dtype), echoed(encode_request(meta(dtype), InferRequest({"x": array}))))

    assert result.outputs["y"].dtype == DTYPES[dtype]
    assert result.outputs["y"].tolist() == array.tolist()
    assert result.version == 3


def test_scalar_rows_get_a_dimension_on_the_wire_and_lose_it_again() -> None:
    about = meta(scalar_rows=True)
    message = encode_request(about, InferRequest({"x": np.arange(3, dtype=np.float32)}))

    assert list(message.inputs[0].shape) == [3, 1]
    assert decode_response(about, echoed(message)).outputs["y"].shape == (3,)


def test_outputs_and_parameters_are_handed_on() -> None:
    request = InferRequest(
        {"x": np.zeros((1, 2), np.float32)},
        outputs=("y",),
        parameters={"priority": 1, "sequence_start": True, "share": 0.5, "who": "me"},
        output_parameters={"y": {"classification": 2}},
    )
    message = encode_request(meta(), request)

    assert message.outputs[0].parameters["classification"].int64_param == 2
    assert message.parameters["priority"].int64_param == 1
    assert message.parameters["sequence_start"].bool_param is True
    assert message.parameters["share"].double_param == 0.5
    assert message.parameters["who"].string_param == "me"


BROKEN = {
    "too few bytes for the shape": ("FP32", [2, 2], b"\0" * 15),
    "a data type that nobody knows": ("FP8", [1], b"\0"),
    "a string that runs past the end": ("BYTES", [1], b"\x05\0\0\0abc"),
    "fewer strings than the shape says": ("BYTES", [2], b"\x01\0\0\0a"),
    "half a length": ("BYTES", [1], b"\x01\0"),
}


@pytest.mark.parametrize(("datatype", "shape", "raw"), BROKEN.values(), ids=BROKEN)
def test_an_answer_that_contradicts_itself_is_tritons_fault(datatype: str, shape: list[int], raw: bytes) -> None:
    answer = service_pb2.ModelInferResponse(model_version="3")
    answer.outputs.add(name="y", datatype=datatype, shape=shape)
    answer.raw_output_contents.append(raw)

    with pytest.raises(BadUpstream, match="'y'"):
        decode_response(meta(), answer)


def test_an_answer_without_contents_is_tritons_fault() -> None:
    answer = service_pb2.ModelInferResponse()
    answer.outputs.add(name="y", datatype="FP32", shape=[1])

    with pytest.raises(BadUpstream):
        decode_response(meta(), answer)


def described(*, reshape: bool) -> tuple[service_pb2.ModelMetadataResponse, model_config_pb2.ModelConfig]:
    metadata = service_pb2.ModelMetadataResponse(name="m", platform="python")
    metadata.inputs.add(name="x", datatype="FP32", shape=[-1, 1])
    metadata.outputs.add(name="y", datatype="FP32", shape=[-1, 1])
    config = model_config_pb2.ModelConfig(name="m", max_batch_size=8)
    for tensor in (config.input.add(name="x", dims=[1], optional=True), config.output.add(name="y", dims=[1])):
        if reshape:
            tensor.reshape.SetInParent()
    config.instance_group.add(count=2)
    config.instance_group.add(count=1)
    return metadata, config


@pytest.mark.parametrize(
    ("reshape", "asked", "shape"),
    [(True, True, (-1,)), (True, False, (-1, 1)), (False, True, (-1, 1))],
    ids=["reshaped to nothing", "a repository of the user's own", "not reshaped"],
)
def test_a_models_own_shape_is_shown(reshape: bool, asked: bool, shape: tuple[int, ...]) -> None:
    found = parse_meta(*described(reshape=reshape), 3, scalar_rows=asked)

    assert found.inputs["x"] == TensorSpec("x", "FP32", shape, optional=True, scalar_rows=reshape and asked)
    assert (found.version, found.instances, found.max_batch_size, found.sequence) == (3, 3, 8, False)


def test_the_smallest_request_fits_the_model_and_leaves_out_what_it_may() -> None:
    inputs = {
        "x": TensorSpec("x", "FP32", (-1, 3)),
        "s": TensorSpec("s", "BYTES", (-1,)),
        "o": TensorSpec("o", "FP32", (-1,), optional=True),
    }
    request = zero_request(meta(inputs=inputs))

    assert {name: array.tolist() for name, array in request.inputs.items()} == {"x": [[0, 0, 0]], "s": [b""]}
    assert encode_request(meta(inputs=inputs), request).raw_input_contents[1] == b"\0\0\0\0"


def test_integers_are_numbers_in_tritons_own_json() -> None:
    config = model_config_pb2.ModelConfig(name="m", max_batch_size=4)
    config.input.add(name="x", dims=[-1, 3])
    config.parameters["p"].string_value = "1"
    statistics = service_pb2.ModelStatisticsResponse()
    one = statistics.model_stats.add(name="m", version="1", inference_count=2**53 + 1)
    one.response_stats["0"].success.count = 7
    one.batch_stats.add(batch_size=2)

    assert as_json(config)["input"][0]["dims"] == [-1, 3]
    assert as_json(config)["parameters"] == {"p": {"string_value": "1"}}
    (found,) = as_json(statistics)["model_stats"]
    assert (found["version"], found["inference_count"]) == ("1", 2**53 + 1)
    assert found["response_stats"]["0"]["success"] == {"count": 7, "ns": 0}
    assert found["batch_stats"][0]["batch_size"] == 2
