"""`modelport serve` with a version that Triton cannot load: the others serve, also after Triton's next start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

START = """
import numpy
import triton_python_backend_utils as backend

class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        config.add_input({"name": "x", "data_type": "TYPE_FP32", "dims": [-1]})
        config.add_output({"name": "y", "data_type": "TYPE_FP32", "dims": [1]})
        return config

    def execute(self, requests):
        return [backend.InferenceResponse([backend.Tensor("y", self.version)]) for _ in requests]

    def initialize(self, args):
"""
WHOLE = START + '        self.version = numpy.array([int(args["model_version"])], numpy.float32)\n'
BROKEN = START + '        raise ValueError("the weights are of another network")\n'
MANIFEST = """
apiVersion: modelport.io/v1alpha1
kind: PublishedModel
metadata: {name: versions}
spec:
  model: {format: Python, source: {uri: "file:models/versions"}, versions: {policy: All}}
  apis: [tensorflow-serving]
"""
SECONDS = 90


@pytest.mark.timeout(5 * SECONDS)
def test_the_elder_serves_until_the_younger_can_be_loaded(start_server: Callable[..., Any], tmp_path: Path) -> None:
    for version, code in (("1", WHOLE), ("2", BROKEN)):
        (tmp_path / "models" / "versions" / version).mkdir(parents=True)
        (tmp_path / "models" / "versions" / version / "model.py").write_text(code)
    (tmp_path / "versions.yaml").write_text(MANIFEST)
    server = start_server(tmp_path)

    def answer() -> Any:
        return server.predict("versions", {"instances": [1.0]}).json().get("predictions")

    assert "served without it: 1" in server.err
    server.eventually(lambda: answer() == [1.0], seconds=SECONDS)
    told = server.readiness()["models"]["versions"]["versions"]["2"]
    assert (told["ready"], told["state"]) == (False, "UNAVAILABLE")
    assert "the weights are of another network" in told["reason"]

    (triton,) = server.descendants("bin/tritonserver")
    triton.kill()
    server.eventually(lambda: not server.readiness()["ready"], seconds=SECONDS)
    server.eventually(lambda: answer() == [1.0], seconds=SECONDS)

    (server.manifests / "models" / "versions" / "2" / "model.py").write_text(WHOLE)
    server.eventually(lambda: answer() == [2.0], seconds=SECONDS)
