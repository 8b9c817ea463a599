"""The three containers of a Pod as processes: what the operator writes into the Pod is what the commands understand.

Their arguments are taken from the Pod template itself, with its paths and ports put elsewhere. Only two things are
added: where PyPI's Triton has its backends and its memory, and that models may come from this machine.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from modelport.api import KeyDigest, KeyDigests, PublishedModel, parse_manifest
from modelport.api.keys import digest_of
from modelport.local.triton_install import TritonInstallation
from modelport_operator import paths
from modelport_operator.config import Config
from modelport_operator.desired.base import Context
from modelport_operator.desired.config_maps import build_config, build_live
from modelport_operator.desired.pod import build_pod_template
from modelport_operator.readiness import parse_readiness
from modelport_operator.status.diagnosis import diagnose_versions

HALF = {"instances": [1.0, 2.0, 5.0]}


@dataclass
class Pod:
    """A Pod's volumes below one folder, and its processes."""

    folder: Path
    triton: TritonInstallation
    model: PublishedModel
    pins: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with ExitStack() as stack:
            bound = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(5)]
            self.port, self.metrics_port, *triton = (each.getsockname()[1] for each in bound)
        moved = (paths.CONFIG, paths.LIVE, paths.SECRETS, paths.TERMINATION_LOG, paths.MODELS, paths.SERVING)
        self._moved = [(path, str(self.folder / path.strip("/").replace("/", "-"))) for path in moved]
        self._ports = dict(zip(("8000", "8001", "8002"), map(str, triton), strict=True))
        self._shared_memory = f"test_pod_{self.port}_"
        self.place(paths.CONFIG).mkdir(parents=True)
        self.place(paths.MODELS).mkdir()

    @property
    def context(self) -> Context:
        config = Config(runtime_image="runtime", triton_image="triton")
        keys = KeyDigests(keys=(KeyDigest(name="default", sha256=digest_of("key")),))
        return Context(self.model, config, datetime.now(UTC), "runtime", "triton", key_digests=keys, pins=self.pins)

    def place(self, path: str) -> Path:
        for old, new in self._moved:
            path = path.replace(old, new)
        return Path(re.sub(r"\b800[0-2]\b", lambda port: self._ports[port[0]], path))

    def mount(self) -> None:
        """Write what the operator writes, as the kubelet lays it out."""
        name, context = self.model.metadata.name, self.context
        (self.place(paths.CONFIG) / "resource.json").write_text(build_config(context)["data"]["resource.json"])
        live = build_live(context)["data"]
        for folder in (self.place(paths.LIVE), self.place(paths.SERVING) / "live"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / paths.MOUNTED_PINS_FILE).write_text(live["pins.json"])
            (folder / f".{name}.new").write_text(live["live.json"])
            (folder / f".{name}.new").replace(folder / f"{name}.json")
        keys = self.place(paths.SERVING) / "keys"
        keys.mkdir(exist_ok=True)
        if context.key_digests is not None:
            (keys / f"{name}.json").write_text(context.key_digests.dump_json())

    def command(self, container: str) -> list[str]:
        spec = build_pod_template(self.context)["spec"]
        (found,) = (each for each in spec["initContainers"] + spec["containers"] if each["name"] == container)
        command = [*found["command"], *(str(self.place(argument)) for argument in found["args"])]
        match container:
            case "fetch":
                return [sys.executable, "-m", *command, "--local-files", "--triton=wheel"]
            case "triton":
                shared = f"--backend-config=python,shm-region-prefix-name={self._shared_memory}"
                return [str(self.triton.server), *command[1:], f"--backend-directory={self.triton.backends}", shared]
        ports = [f"--port={self.port}", f"--metrics-port={self.metrics_port}", "--host=127.0.0.1"]
        return [sys.executable, *command[1:], *ports]

    def fetch(self) -> tuple[int, str]:
        """Run the init container; return its exit code and its last words."""
        self.mount()
        ended = subprocess.run(self.command("fetch"), capture_output=True, timeout=60, check=False)
        return ended.returncode, self.place(paths.TERMINATION_LOG).read_text()

    def start(self, container: str) -> None:
        environment = self.triton.environment if container == "triton" else None
        with (self.folder / f"{container}.log").open("ab") as log:
            command = self.command(container)
            self.processes[container] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def ask(self, path: str) -> tuple[int, Any]:
        """Ask the metrics port; 0 where nobody listens."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self.metrics_port}{path}", timeout=10)
        except requests.ConnectionError:
            return 0, None
        return answer.status_code, answer.json()

    def predict(self, key: str = "key") -> requests.Response:
        url = f"http://127.0.0.1:{self.port}/v1/models/half_plus_two:predict"
        return requests.post(url, json=HALF, headers={"x-api-key": key}, timeout=10)

    def eventually(self, what: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            if time.monotonic() > deadline:
                logs = "\n".join(log.read_text()[-3000:] for log in self.folder.glob("*.log"))
                pytest.fail(f"did not come true within {seconds} s:\n{logs}")
            time.sleep(0.1)

    def stop(self) -> None:
        # A stub of the Python backend outlives a Triton that is killed.
        for process in self.processes.values():
            for child in psutil.Process(process.pid).children() if process.poll() is None else ():
                child.kill()
            process.kill()
            process.wait(10)
        for region in Path("/dev/shm").glob(f"{self._shared_memory}*"):
            region.unlink()


def manifest(uri: str, *, fmt: str = "ONNX", **spec: Any) -> PublishedModel:
    model = {"name": "half_plus_two", "format": fmt, "source": {"uri": uri}}
    head = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": {"name": "half"}}
    return parse_manifest({**head, "spec": {"model": model, **spec}}, where="test")


def with_versions(resource: PublishedModel, versions: Mapping[str, Any]) -> PublishedModel:
    """Return the resource with `spec.model.versions`."""
    spec = resource.to_manifest()["spec"]
    head = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": resource.metadata.name}}
    return parse_manifest({**head, "spec": {**spec, "model": {**spec["model"], "versions": versions}}}, where="test")


@pytest.fixture(scope="module")
def pod(triton: TritonInstallation, examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    """A Pod whose init container has ended; the other two run."""
    pod = Pod(tmp_path_factory.mktemp("pod"), triton, manifest(f"file:{examples}/models/half_plus_two"))
    code, words = pod.fetch()
    assert (code, json.loads(words)["serving"]) == (0, ["1"])
    try:
        pod.start("gateway")
        pod.eventually(lambda: pod.ask("/livez/triton")[0])
        assert pod.ask("/livez/triton") == (200, {"alive": True, "reason": ""})  # a Triton that starts is left alone
        pod.start("triton")
        pod.eventually(lambda: pod.ask("/readyz")[0] == 200)
        yield pod
    finally:
        pod.stop()


def test_it_answers_who_has_a_key(pod: Pod) -> None:
    assert pod.predict().json() == {"predictions": [2.5, 3.0, 4.5]}
    assert pod.predict("other").status_code == 401
    assert json.loads(pod.place(paths.TERMINATION_LOG).read_text())["digest"] == pod.predict().headers["X-Model-Digest"]


def test_a_live_change_takes_effect_while_it_runs(pod: Pod) -> None:
    before = pod.model
    pod.model = manifest(before.spec.model.source.uri, access={"rateLimit": {"requestsPerSecond": 0.01, "burst": 1}})
    pod.mount()
    pod.eventually(lambda: pod.predict().status_code == 429)
    pod.model = before
    pod.mount()
    pod.eventually(lambda: pod.predict().status_code == 200)


def test_a_killed_stub_is_told_and_a_new_triton_heals_it(pod: Pod) -> None:
    triton = pod.processes["triton"]
    (stub,) = [each for each in psutil.Process(triton.pid).children() if "python_backend_stub" in each.cmdline()[0]]
    stub.kill()
    pod.eventually(lambda: pod.ask("/livez/triton")[0] == 503)
    assert pod.ask("/livez/triton")[1]["reason"] == "model half_plus_two, version 1: its process has died"
    triton.kill()
    triton.wait(10)
    pod.start("triton")
    pod.eventually(lambda: pod.ask("/readyz")[0] == 200)
    assert pod.ask("/livez/triton") == (200, {"alive": True, "reason": ""})
    assert pod.predict().status_code == 200


BROKEN = """
class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        config.add_input({"name": "x", "data_type": "TYPE_FP32", "dims": [-1]})
        config.add_output({"name": "y", "data_type": "TYPE_FP32", "dims": [-1]})
        return config

    def initialize(self, args):
        raise ValueError("the weights are of another network")

    def execute(self, requests):
        return []
"""


WHOLE = """
import numpy
import triton_python_backend_utils as backend

class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        config.add_input({"name": "x", "data_type": "TYPE_FP32", "dims": [-1]})
        config.add_output({"name": "y", "data_type": "TYPE_FP32", "dims": [1]})
        return config

    def initialize(self, args):
        self.version = numpy.array([int(args["model_version"])], numpy.float32)

    def execute(self, requests):
        return [backend.InferenceResponse([backend.Tensor("y", self.version)]) for _ in requests]
"""


LOADS_SECONDS = 90
"""For starting five processes of Python's and ending some, on a machine that has other things to do."""


@pytest.mark.timeout(4 * LOADS_SECONDS)
def test_a_version_that_cannot_be_loaded_leaves_its_elders_serving(triton: TritonInstallation, tmp_path: Path) -> None:
    for version, code in ((2, WHOLE), (3, WHOLE), (4, BROKEN)):
        (tmp_path / "source" / str(version)).mkdir(parents=True)
        (tmp_path / "source" / str(version) / "model.py").write_text(code)
    model = manifest(f"file:{tmp_path}/source", fmt="Python")
    versions = {"policy": "Specific", "specific": [2, 3, 4], "labels": {"canary": 4, "stable": 2}}
    pod = Pod(tmp_path / "pod", triton, with_versions(model, versions))

    def ask(version: str = "") -> requests.Response:
        url = f"http://127.0.0.1:{pod.port}/v1/models/half_plus_two{version}:predict"
        return requests.post(url, json={"instances": [1.0]}, headers={"x-api-key": "key"}, timeout=10)

    def serves_the_elders() -> None:
        pod.eventually(lambda: pod.ask("/readyz")[0] == 200, LOADS_SECONDS)
        assert ask().json() == {"predictions": [3.0]}
        assert ask("/versions/2").json() == ask("/labels/stable").json() == {"predictions": [2.0]}
        refused = ask("/labels/canary")
        assert refused.status_code == 503
        assert "the weights are of another network" in refused.text
        status, body = pod.ask("/readyz")
        told = parse_readiness(status, json.dumps(body).encode(), "half_plus_two")
        assert told is not None
        cause = diagnose_versions(told)
        assert cause is not None
        assert cause.message.startswith("version 4: Internal: ValueError: the weights are of another network")
        assert pod.ask("/livez/triton") == (200, {"alive": True, "reason": ""})

    code, words = pod.fetch()
    assert (code, json.loads(words)["serving"]) == (0, ["2", "3", "4"])
    try:
        pod.start("triton")
        pod.start("gateway")
        serves_the_elders()
        pod.processes["triton"].kill()
        pod.processes["triton"].wait(10)
        pod.eventually(lambda: pod.ask("/readyz")[0] == 503)
        pod.start("triton")
        serves_the_elders()
    finally:
        pod.stop()


def test_a_model_that_cannot_be_loaded_is_told_and_triton_left_in_peace(
    triton: TritonInstallation, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "model.py").write_text(BROKEN)
    pod = Pod(tmp_path / "pod", triton, manifest(f"file:{tmp_path}/source", fmt="Python"))
    code, words = pod.fetch()
    assert code == 0, words
    try:
        pod.start("triton")
        pod.start("gateway")
        pod.eventually(lambda: "the weights are of another network" in str(pod.ask("/readyz")[1]))
        status, body = pod.ask("/readyz")
        told = parse_readiness(status, json.dumps(body).encode(), "half_plus_two")
        assert told is not None
        cause = diagnose_versions(told)
        assert cause is not None
        assert (status, cause.reason) == (503, "ModelFailed")
        assert cause.message.startswith("version 1: Internal: ValueError: the weights are of another network")
        assert pod.ask("/livez/triton") == (200, {"alive": True, "reason": ""})
    finally:
        pod.stop()
