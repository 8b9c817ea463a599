"""What the repository lays out runs in a real Triton: every type, every shape, joined batches, and errors in words.

The models are prepared from manifests as `modelport serve` does, and asked by Triton's own HTTP endpoint.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import requests

from modelport.api import parse_manifest
from modelport.local.triton import build_command, held_ports
from modelport.local.triton_install import TritonInstallation
from modelport.repository.cache import Cache
from modelport.repository.capabilities import WHEEL
from modelport.repository.prepare import prepare

TYPES = {
    "BOOL": ("bool", [True, False]),
    "UINT8": ("uint8", [0, 255]),
    "UINT16": ("uint16", [0, 65535]),
    "UINT32": ("uint32", [0, 2**32 - 1]),
    "UINT64": ("uint64", [0, 2**64 - 1]),
    "INT8": ("int8", [-128, 127]),
    "INT16": ("int16", [-(2**15), 2**15 - 1]),
    "INT32": ("int32", [-(2**31), 2**31 - 1]),
    "INT64": ("int64", [-(2**63), 2**63 - 1]),
    "FP32": ("float", [0.5, -1.5]),
    "FP64": ("double", [0.1, -1e300]),
    "BYTES": ("string", ["a\0b", "\u00e9"]),
}
"""ONNX's name, and two values. FP16 has no JSON representation in Triton and goes by `halves`."""

INPUTS = ", ".join(f"{onnx_name}[n] in_{dtype}" for dtype, (onnx_name, _) in TYPES.items())
OUTPUTS = ", ".join(f"{onnx_name}[n] out_{dtype}" for dtype, (onnx_name, _) in TYPES.items())
GRAPHS = {
    "types": f"({INPUTS}) => ({OUTPUTS}) {{ {' '.join(f'out_{d} = Identity(in_{d})' for d in TYPES)} }}",
    "halves": "(float[n] x) => (float16[n] h, float[n] y) { h = Cast<to: int = 10>(x) y = Cast<to: int = 1>(h) }",
    "picker": "(int64[n] index) => (float[n] y) <float[3] table = {10.0, 20.0, 30.0}> { y = Gather(table, index) }",
    "fixed": "(float[2, 3] x) => (float[3, 2] y) { y = Transpose(x) }",
    "total": "(float[n, m] x) => (float y) { y = ReduceSum<keepdims: int = 0>(x) }",
    "broken": "(float[n] x) => (float[n] y) { y = com.example.Nothing(x) }",
}
CONFIGS: dict[str, dict[str, Any]] = {
    "picker": {"dynamicBatching": {"maxQueueDelayMicroseconds": 200_000}, "parameters": {"intra_op_thread_count": "1"}},
}


class Triton:
    """A running Triton, asked over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def load(self, model: str) -> requests.Response:
        return requests.post(f"{self.url}/v2/repository/models/{model}/load", timeout=60)

    def infer(self, model: str, **inputs: tuple[str, list[int], list[Any]]) -> requests.Response:
        tensors = [
            {"name": name, "datatype": dtype, "shape": shape, "data": data}
            for name, (dtype, shape, data) in inputs.items()
        ]
        return requests.post(f"{self.url}/v2/models/{model}/infer", json={"inputs": tensors}, timeout=60)

    def outputs(self, model: str, **inputs: tuple[str, list[int], list[Any]]) -> dict[str, Any]:
        answer = self.infer(model, **inputs)
        assert answer.status_code == 200, answer.text
        return {output["name"]: output for output in answer.json()["outputs"]}


def write_model(file: Path, graph: str) -> None:
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 17, "com.example": 1]> g {graph}')
    file.write_bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def server(triton: TritonInstallation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    """A Triton on the prepared models, none of them loaded yet."""
    folder = tmp_path_factory.mktemp("repository")
    for name, graph in GRAPHS.items():
        write_model(folder / f"{name}.onnx", graph)
        model = {"format": "ONNX", "source": {"uri": f"file:{folder}/{name}.onnx"}, "config": CONFIGS.get(name, {})}
        head = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": {"name": name}}
        resource = parse_manifest({**head, "spec": {"model": model}}, where=name)
        prepare(resource, target=folder / "models", cache=Cache(folder / "cache"), capabilities=WHEEL)
    with held_ports() as ports, (folder / "log").open("wb") as log:
        command = build_command(triton, folder / "models", ports)
        process = subprocess.Popen(command.argv, env=command.env, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{ports.http}"
            wait_until_live(url, process)
            yield Triton(url)
        finally:
            process.terminate()
            process.wait(30)


def wait_until_live(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{url}/v2/health/live", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    pytest.fail("Triton did not start")


@pytest.fixture(scope="module")
def loaded(server: Triton) -> Triton:
    """The same with every model loaded that can be."""
    for name in GRAPHS:
        if name != "broken":
            answer = server.load(name)
            assert answer.status_code == 200, answer.text
    return server


def test_every_type_comes_back_as_it_went(loaded: Triton) -> None:
    sent = {f"in_{dtype}": (dtype, [2, 1], values) for dtype, (_, values) in TYPES.items()}
    answer = loaded.outputs("types", **sent)
    for dtype, (_, values) in TYPES.items():
        assert answer[f"out_{dtype}"]["datatype"] == dtype
        assert answer[f"out_{dtype}"]["data"] == values


def test_half_floats_are_computed(loaded: Triton) -> None:
    request = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [0.1, 65504.0]}],
        "outputs": [{"name": "y"}],
    }
    answer = requests.post(f"{loaded.url}/v2/models/halves/infer", json=request, timeout=60).json()
    assert [output["name"] for output in answer["outputs"]] == ["y"], "an output that is not asked for is left out"
    assert answer["outputs"][0]["data"] == np.array([0.1, 65504], np.float16).astype(np.float32).tolist()


def test_a_model_without_a_free_batch_keeps_its_shapes(loaded: Triton) -> None:
    answer = loaded.outputs("fixed", x=("FP32", [2, 3], [1, 2, 3, 4, 5, 6]))["y"]
    assert (answer["shape"], answer["data"]) == ([3, 2], [1, 4, 2, 5, 3, 6])


def test_an_output_that_is_a_single_number(loaded: Triton) -> None:
    answer = loaded.outputs("total", x=("FP32", [2, 2], [1, 2, 3, 4]))["y"]
    assert (answer["shape"], answer["data"]) == ([1], [10])


def test_requests_are_joined_and_the_bad_one_alone_fails(loaded: Triton) -> None:
    before = statistics(loaded, "picker")
    with ThreadPoolExecutor(16) as threads:
        asked = [0, 1, 2, 7] * 4
        answers = list(threads.map(lambda index: loaded.infer("picker", index=("INT64", [1, 1], [index])), asked))
    for index, answer in zip(asked, answers, strict=True):
        if index == 7:
            assert answer.status_code >= 400
            assert "indices element out of data bounds, idx=7" in answer.json()["error"]
        else:
            assert answer.json()["outputs"][0]["data"] == [10.0 * (index + 1)]
    after = statistics(loaded, "picker")
    asked_of_model, executed = (after[count] - before[count] for count in ("inference_count", "execution_count"))
    assert executed < asked_of_model, "several requests in one execution"


def statistics(triton: Triton, model: str) -> dict[str, int]:
    answer = requests.get(f"{triton.url}/v2/models/{model}/stats", timeout=60).json()
    return dict(answer["model_stats"][0])


def test_bytes_that_are_no_text_are_refused(loaded: Triton) -> None:
    header = b'{"inputs":[{"name":"in_BYTES","datatype":"BYTES","shape":[2,1],"parameters":{"binary_data_size":11}}'
    others = [
        f'{{"name":"in_{d}","datatype":"{d}","shape":[2,1],"data":{"[true,true]" if d == "BOOL" else "[1,1]"}}}'
        for d in TYPES
        if d != "BYTES"
    ]
    header += b"," + ",".join(others).encode() + b"]}"
    body = header + b"\x02\0\0\0ok" + b"\x01\0\0\0\xff"
    length = {"Inference-Header-Content-Length": str(len(header))}
    answer = requests.post(f"{loaded.url}/v2/models/types/infer", data=body, headers=length, timeout=60)
    assert answer.status_code == 400
    assert "in_BYTES[1]: not UTF-8, but ONNX strings are" in answer.json()["error"]


def test_a_model_that_onnxruntime_refuses_says_why(server: Triton) -> None:
    answer = server.load("broken")
    assert answer.status_code == 400
    assert "onnxruntime 1." in answer.json()["error"]
    assert "com.example:Nothing" in answer.json()["error"]
