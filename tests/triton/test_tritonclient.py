"""NVIDIA's own `tritonclient.http`, unchanged, against the gateway with a real Triton behind it.

We test these aspects: every public method of the client, found by looking at the class, so that one which a new release
adds fails here until it is decided; binary and JSON both ways with and without compression; every data type; what else
of a request reaches the model; keys and errors as the client shows them.
"""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import requests
import tritonclient.http as http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

MANAGED = "[403] models are not loaded and unloaded by request"
SETTINGS = "[403] logging and tracing are not set by request"
SHARED = "[404] shared memory is not offered"

REFUSED: Mapping[str, tuple[Sequence[Any], str]] = {
    "load_model": (("half_plus_two",), MANAGED),
    "unload_model": (("half_plus_two",), MANAGED),
    "update_trace_settings": ((), SETTINGS),
    "get_trace_settings": ((), SETTINGS),
    "update_log_settings": (({"log_verbose_level": 1},), SETTINGS),
    "get_log_settings": ((), SETTINGS),
    "get_system_shared_memory_status": ((), SHARED),
    "register_system_shared_memory": (("region", "/key", 8), SHARED),
    "unregister_system_shared_memory": (("region",), SHARED),
    "get_cuda_shared_memory_status": (("region",), SHARED),
    "register_cuda_shared_memory": (("region", b"handle", 0, 8), SHARED),
    "unregister_cuda_shared_memory": ((), SHARED),
}
"""Methods that end in an error, with arguments and how the error begins."""

ANSWERED = {
    "is_server_live",
    "is_server_ready",
    "is_model_ready",
    "get_server_metadata",
    "get_model_metadata",
    "get_model_config",
    "get_model_repository_index",
    "get_inference_statistics",
    "infer",
    "async_infer",
}
"""Methods that have an answer, each in a test below."""

LOCAL = {"close", "generate_request_body", "parse_response_body", "plugin", "register_plugin", "unregister_plugin"}
"""Methods that send nothing."""

COMPRESSION = [None, "gzip", "deflate"]


@pytest.fixture(scope="module")
def client(served: Any) -> Iterator[http.InferenceServerClient]:
    with http.InferenceServerClient(served.url.removeprefix("http://"), concurrency=4) as client:
        yield client


@pytest.fixture(scope="module")
def key_of(served: Any) -> Callable[[str], dict[str, str]]:
    """The headers that open a model; a new dict each time, since the client writes into it."""
    return lambda model: {"Authorization": f"Bearer {served.keys[model]}"}


def tensor(name: str, array: np.ndarray[Any, Any], *, binary: bool = True) -> http.InferInput:
    wanted = http.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    return wanted.set_data_from_numpy(array, binary_data=binary)


def test_every_method_of_the_client_is_decided() -> None:
    public = {name for name, _ in inspect.getmembers(http.InferenceServerClient, callable) if not name.startswith("_")}
    assert public == ANSWERED | LOCAL | REFUSED.keys()


@pytest.mark.parametrize("method", REFUSED)
def test_a_method_that_is_not_offered_says_so(client: http.InferenceServerClient, method: str) -> None:
    arguments, words = REFUSED[method]
    with pytest.raises(InferenceServerException) as caught:
        getattr(client, method)(*arguments)
    assert str(caught.value).startswith(words)


def test_the_server_is_live_and_ready(client: http.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()


def test_a_model_is_ready_and_an_unknown_one_is_not(client: http.InferenceServerClient, key_of: Any) -> None:
    assert client.is_model_ready("half_plus_two", headers=key_of("half_plus_two"))
    assert client.is_model_ready("ripeness", "4", headers=key_of("ripeness"))
    assert not client.is_model_ready("ripeness", "5", headers=key_of("ripeness"))
    assert not client.is_model_ready("nothing")


def test_the_server_says_what_it_offers(client: http.InferenceServerClient) -> None:
    server = client.get_server_metadata()
    assert server.keys() == {"name", "version", "extensions"}
    assert {"binary_tensor_data", "classification", "parameters", "sequence"} <= set(server["extensions"])
    assert not {"model_repository", "system_shared_memory", "trace", "logging"} & set(server["extensions"])


def test_a_model_is_described(client: http.InferenceServerClient, key_of: Any) -> None:
    metadata = client.get_model_metadata("half_plus_two", headers=key_of("half_plus_two"))
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1]}]
    assert metadata["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [-1]}]
    assert client.get_model_metadata("ripeness", "3", headers=key_of("ripeness"))["versions"] == ["3"]


def test_a_models_configuration_has_numbers(client: http.InferenceServerClient, key_of: Any) -> None:
    config = client.get_model_config("shapes", headers=key_of("shapes"))
    assert config["name"] == "shapes"
    assert config["max_batch_size"] == 32
    assert all(type(size) is int for size in config["input"][0]["dims"])


def test_statistics_count(client: http.InferenceServerClient, key_of: Any) -> None:
    def count() -> int:
        (found,) = client.get_inference_statistics("ripeness", "3", headers=key_of("ripeness"))["model_stats"]
        return int(found["inference_count"])

    before = count()
    client.infer("ripeness", ripeness(), "3", headers=key_of("ripeness"))
    deadline = time.monotonic() + 10
    while count() == before:  # Triton counts a request some time after it has answered it
        assert time.monotonic() < deadline, "the inference was not counted within 10 s"
        time.sleep(0.05)
    every = client.get_inference_statistics(headers=key_of("ripeness"))["model_stats"]
    assert {"ripeness"} < {each["name"] for each in every}  # and the anonymous models
    assert "half_plus_two" not in {each["name"] for each in every}


def test_the_index_lists_what_the_key_opens(client: http.InferenceServerClient, key_of: Any) -> None:
    found = client.get_model_repository_index(headers=key_of("ripeness"))
    assert [(each["version"], each["state"]) for each in found if each["name"] == "ripeness"] == [
        ("3", "READY"),
        ("4", "READY"),
    ]
    assert "half_plus_two" not in {each["name"] for each in found}


@pytest.mark.parametrize("compression", COMPRESSION)
@pytest.mark.parametrize("binary_out", [True, False, None], ids=["binary out", "JSON out", "default out"])
@pytest.mark.parametrize("binary_in", [True, False], ids=["binary in", "JSON in"])
def test_tensors_travel_both_ways(
    client: http.InferenceServerClient, key_of: Any, binary_in: bool, binary_out: bool | None, compression: str | None
) -> None:
    x = np.arange(16, dtype=np.float32)
    outputs = None if binary_out is None else [http.InferRequestedOutput("y", binary_data=binary_out)]
    answer = client.infer(
        "half_plus_two",
        [tensor("x", x, binary=binary_in)],
        outputs=outputs,
        request_id="a b",
        headers=key_of("half_plus_two"),
        request_compression_algorithm=compression,
        response_compression_algorithm=compression,
    )
    np.testing.assert_array_equal(answer.as_numpy("y"), x / 2 + 2)
    assert answer.get_response()["id"] == "a b"
    assert answer.get_output("y").get("parameters") == (None if binary_out is False else {"binary_data_size": 64})


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_a_large_answer_is_compressed_as_the_client_undoes_it(
    served: Any, key_of: Any, algorithm: str, binary: bool
) -> None:
    text = np.array([b"z" * 50_000, b"end"], np.object_)
    wanted = [http.InferRequestedOutput("echo", binary_data=binary)]
    body, header = http.InferenceServerClient.generate_request_body([tensor("text", text)], wanted)
    headers = {**key_of("echo"), "Inference-Header-Content-Length": str(header), "Accept-Encoding": algorithm}
    address = f"{served.url}/v2/models/echo/infer"
    with requests.post(address, data=body, headers=headers, timeout=30, stream=True) as answer:
        sent = answer.raw.read(decode_content=False)
        length = answer.headers.get("Inference-Header-Content-Length")
    assert answer.headers["Content-Encoding"] == algorithm
    assert len(sent) < 1_000
    parsed = http.InferenceServerClient.parse_response_body(
        sent, header_length=None if length is None else int(length), content_encoding=algorithm
    )
    assert [each if isinstance(each, bytes) else each.encode() for each in parsed.as_numpy("echo")] == text.tolist()


def test_bytes_that_are_no_text_travel_as_binary_only(client: http.InferenceServerClient, key_of: Any) -> None:
    text = np.array([b"\xff\x00", b"", "Zürich".encode()], np.object_)
    answer = client.infer("echo", [tensor("text", text)], headers=key_of("echo"))
    assert answer.as_numpy("echo").tolist() == text.tolist()
    wanted = [http.InferRequestedOutput("echo", binary_data=False)]
    with pytest.raises(InferenceServerException, match=r"\[400\] outputs.echo: .* ask for it as binary"):
        client.infer("echo", [tensor("text", text)], outputs=wanted, headers=key_of("echo"))


def ripeness() -> list[http.InferInput]:
    return [tensor("colour", np.float32([0.9, 0.1])), tensor("firmness", np.float32([0.2, 0.9]))]


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
def test_classification_ranks_the_scores(client: http.InferenceServerClient, key_of: Any, binary: bool) -> None:
    headers = key_of("ripeness")
    scores = client.infer("ripeness", ripeness(), headers=headers).as_numpy("scores")
    wanted = [http.InferRequestedOutput("scores", binary_data=binary, class_count=2)]
    ranked = client.infer("ripeness", ripeness(), outputs=wanted, headers=key_of("ripeness")).as_numpy("scores")
    assert ranked.shape == (2, 2)
    texts = [[each.decode() if isinstance(each, bytes) else each for each in row] for row in ranked]
    assert [[int(text.split(":")[1]) for text in row] for row in texts] == np.argsort(-scores)[:, :2].tolist()


def test_many_requests_at_once(client: http.InferenceServerClient, key_of: Any) -> None:
    waiting = [
        client.async_infer("half_plus_two", [tensor("x", np.float32([i]))], headers=key_of("half_plus_two"))
        for i in range(32)
    ]
    assert [each.get_result().as_numpy("y").tolist() for each in waiting] == [[i / 2 + 2] for i in range(32)]


def test_the_clients_own_bodies_are_read_and_its_parser_reads_ours(served: Any, key_of: Any) -> None:
    x = np.float32([1, 2, 5])
    body, header = http.InferenceServerClient.generate_request_body([tensor("x", x)])
    headers = {**key_of("half_plus_two"), "Inference-Header-Content-Length": str(header)}
    answer = requests.post(f"{served.url}/v2/models/half_plus_two/infer", data=body, headers=headers, timeout=30)
    length = int(answer.headers["Inference-Header-Content-Length"])
    parsed = http.InferenceServerClient.parse_response_body(answer.content, header_length=length)
    assert parsed.as_numpy("y").tolist() == [2.5, 3, 4.5]


@pytest.mark.parametrize(
    ("model", "version", "headers", "words"),
    [
        ("half_plus_two", "", {}, "[401] a key is needed"),
        ("nothing", "", {}, "[404] Servable not found for request: Latest(nothing)"),
        ("saved_model_half_plus_three", "9", {}, "[404] Servable not found for request: Specific("),
        ("saved_model_half_plus_three", "", {"Content-Encoding": "br"}, "[415] Content-Encoding: "),
    ],
    ids=["no key", "an unknown model", "an unknown version", "an unknown encoding"],
)
def test_the_client_shows_the_gateways_own_words(
    client: http.InferenceServerClient, model: str, version: str, headers: dict[str, str], words: str
) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, [tensor("x", np.float32([1]))], version, headers=headers)
    assert str(caught.value).startswith(words)


MIRROR = '''
import json
import triton_python_backend_utils as pb_utils

TYPES = "BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 BF16 FP32 FP64 STRING".split()


class TritonPythonModel:
    """Answers each input with itself, and with what else it was told."""

    @staticmethod
    def auto_complete_config(config):
        for kind in TYPES:
            config.add_input({"name": f"in_{kind}", "data_type": f"TYPE_{kind}", "dims": [-1, -1]})
            config.add_output({"name": f"out_{kind}", "data_type": f"TYPE_{kind}", "dims": [-1, -1]})
        config.add_output({"name": "told", "data_type": "TYPE_STRING", "dims": [1]})
        config.set_max_batch_size(0)
        return config

    def execute(self, requests):
        return [pb_utils.InferenceResponse([*map(mirrored, request.inputs()), told(request)]) for request in requests]


def mirrored(tensor):
    name = tensor.name().replace("in_", "out_")
    if name == "out_STRING":
        return pb_utils.Tensor(name, tensor.as_numpy())
    return pb_utils.Tensor.from_dlpack(name, tensor.to_dlpack())


def told(request):
    import numpy as np
    facts = {
        "id": request.request_id(),
        "sequence": request.correlation_id(),
        "flags": request.flags(),
        "timeout": request.timeout(),
        "parameters": json.loads(request.parameters() or "{}"),
    }
    return pb_utils.Tensor("told", np.array([json.dumps(facts)], dtype=np.object_))
'''
MANIFEST = """\
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {name: mirror}
spec:
  model: {format: Python, source: {uri: "file:models/mirror"}}
  apis: [open-inference]
  access: {anonymous: true}
"""


def ends(integer: str) -> np.ndarray[Any, Any]:
    return np.array([[np.iinfo(integer).min, np.iinfo(integer).max]], integer)


ARRAYS: Mapping[str, np.ndarray[Any, Any]] = {
    "BOOL": np.array([[True, False]]),
    **{name: ends(name.lower()) for name in ("UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64")},
    "FP16": np.array([[0.1, np.inf, np.nan, 65504]], np.float16),
    "BF16": np.array([[0.1, -np.inf, np.nan, 3e38]], ml_dtypes.bfloat16),
    "FP32": np.array([[0.1, np.inf, np.nan, 1e-45]], np.float32),
    "FP64": np.array([[0.1, -np.inf, np.nan, 5e-324]], np.float64),
    "STRING": np.array([[b"a\0b", "Zürich".encode(), b""]], np.object_),
}
"""The ends of every data type."""


@pytest.fixture
def mirror(start_server: Any, tmp_path: Path) -> Iterator[http.InferenceServerClient]:
    """A model that answers with what it was given and told."""
    manifests = tmp_path / "mirror"
    (manifests / "models" / "mirror").mkdir(parents=True)
    (manifests / "models" / "mirror" / "model.py").write_text(MIRROR)
    (manifests / "mirror.yaml").write_text(MANIFEST)
    server = start_server(manifests)
    with http.InferenceServerClient(server.url.removeprefix("http://")) as client:
        yield client


def test_every_data_type_and_all_that_a_request_says_reach_the_model(mirror: http.InferenceServerClient) -> None:
    for binary in (True, False):
        inputs = [tensor(f"in_{kind}", array, binary=binary or kind == "BF16") for kind, array in ARRAYS.items()]
        outputs = [http.InferRequestedOutput(f"out_{kind}", binary_data=binary) for kind in ARRAYS]
        answer = mirror.infer("mirror", inputs, outputs=outputs)
        for kind, array in ARRAYS.items():
            got = answer.as_numpy(f"out_{kind}")
            if kind == "STRING":
                got = np.array([[each if binary else each.encode() for each in got[0]]], np.object_)
            assert got.dtype == array.dtype, kind
            np.testing.assert_array_equal(got.astype(comparable(array)), array.astype(comparable(array)), kind)
    answer = mirror.infer(
        "mirror",
        [tensor(f"in_{kind}", array) for kind, array in ARRAYS.items()],
        outputs=[http.InferRequestedOutput("told")],
        request_id="r1",
        sequence_id="conversation",
        sequence_start=True,
        sequence_end=True,
        timeout=5_000_000,
        parameters={"text": "t", "count": 3, "exact": True, "share": 0.5},
    )
    assert json.loads(answer.as_numpy("told")[0]) == {
        "id": "r1",
        "sequence": "conversation",
        "flags": 3,  # TRITONSERVER_REQUEST_FLAG_SEQUENCE_START | _END
        "timeout": 5_000_000,
        "parameters": {"text": "t", "count": 3, "exact": True, "share": 0.5},
    }


def comparable(array: np.ndarray[Any, Any]) -> Any:
    """NaN of bfloat16 is not known to numpy's comparison."""
    return np.float64 if array.dtype == ml_dtypes.bfloat16 else array.dtype
