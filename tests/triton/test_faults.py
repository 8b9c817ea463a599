"""What breaks while `modelport serve` runs, and what is wrong before it can.

We test these aspects: each process killed without a word, under load; the supervisor itself; a slow request at the
end; and every reason not to start, which is one sentence and an exit code, never a traceback.
"""

import concurrent.futures
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

HALF = {"instances": [1.0, 2.0, 5.0]}
RIGHT = {"predictions": [2.5, 3.0, 4.5]}


@pytest.fixture
def server(start_server, two_models):
    return start_server(two_models)


class Load:
    """Requests from several threads, each of which must be answered."""

    def __init__(self, server, threads=8):
        self._server = server
        self._end = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(threads)
        self._futures = [self._pool.submit(self._ask) for _ in range(threads)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end.set()
        self._pool.shutdown()

    def answers(self):
        self._end.set()
        return [answer for future in self._futures for answer in future.result()]

    def _ask(self):
        answers = []
        headers = {"x-api-key": self._server.keys["half_plus_two"]}
        with requests.Session() as session:
            while not self._end.is_set():
                url = f"{self._server.url}/v1/models/half_plus_two:predict"
                answers.append(session.post(url, json=HALF, headers=headers, timeout=30))
        return answers


@pytest.fixture(scope="module")
def tough(serving, write_two_models, tmp_path_factory):
    """One server for several tests, which must be well again after each."""
    with serving(write_two_models(tmp_path_factory.mktemp("tough") / "models")) as server:
        yield server


class TestKilled:
    def test_triton_under_load(self, tough):
        with Load(tough) as load:
            tough.eventually(lambda: tough.predict("half_plus_two", HALF).status_code == 200)
            (triton,) = tough.descendants("bin/tritonserver")
            triton.kill()
            tough.eventually(lambda: not tough.readiness()["ready"])
            tough.eventually(lambda: tough.readiness()["ready"])
            assert tough.predict("half_plus_two", HALF).status_code == 200
            answers = load.answers()
        assert [answer for answer in answers if answer.status_code != 200 or answer.json() != RIGHT] == []
        assert "triton was killed by SIGKILL" in tough.err

    def test_a_stub_of_the_python_backend(self, tough):
        (stub,) = [stub for stub in tough.descendants("python_backend_stub") if "half_plus_two" in str(stub.cmdline())]
        stub.kill()
        tough.eventually(lambda: "a process of its Python backend died" in tough.err)
        tough.eventually(lambda: tough.predict("half_plus_two", HALF).status_code == 200)
        assert tough.predict("half_plus_two", HALF).json() == RIGHT

    def test_the_gateway(self, tough):
        (gateway,) = tough.descendants("modelport.gateway")
        gateway.kill()
        gateway.wait(10)
        assert tough.predict("half_plus_two", HALF).json() == RIGHT  # it waited for the next gateway
        assert "the gateway was killed by SIGKILL" in tough.err

    def test_one_of_several_gateway_workers(self, start_server, two_models):
        server = start_server(two_models, "--workers", 2)
        worker = next(p for p in server.descendants("modelport.gateway") if "--worker-index" in p.cmdline())
        worker.kill()
        server.eventually(
            lambda: len([p for p in server.descendants("modelport.gateway") if "--worker-index" in p.cmdline()]) == 2
        )
        server.eventually(lambda: server.predict("half_plus_two", HALF).status_code == 200)

    def test_the_supervisor_leaves_nothing(self, start_server, two_models):
        server = start_server(two_models)
        descendants = server.descendants()
        assert {"tritonserver", "triton_python_b"} <= {process.name()[:15] for process in descendants}
        server.process.kill()
        _, alive = psutil.wait_procs(descendants, 20)
        assert [process.cmdline() for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


class TestEnd:
    def test_a_slow_request_is_finished_and_new_ones_are_not_taken(self, server):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            slow = pool.submit(server.predict, "sleeper", {"instances": [3.0]})
            server.eventually(lambda: in_flight(server) == 1)
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert slow.result().json() == {"predictions": [3.0]}
            assert server.process.wait(30) == 0
        assert time.monotonic() - began < 20
        with pytest.raises(requests.ConnectionError):
            server.predict("half_plus_two", HALF)

    def test_a_second_signal_does_not_wait(self, server):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            slow = pool.submit(server.predict, "sleeper", {"instances": [25.0]})
            server.eventually(lambda: in_flight(server) == 1)
            server.process.send_signal(signal.SIGINT)
            server.eventually(lambda: "a second signal ends them" in server.err)
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(10) == 0
            with suppress(requests.ConnectionError):  # Triton may go first, and the gateway still tell of it
                assert slow.result().status_code == 503

    def test_nothing_is_left(self, server):
        descendants = server.descendants()
        assert server.stop() == 0
        assert [process for process in descendants if process.is_running()] == []
        assert list(Path("/dev/shm").glob(f"modelport_{server.process.pid}_*")) == []
        assert "Traceback" not in server.err


def in_flight(server):
    found = re.findall(
        r"^modelport_\w*in_flight\w*\{[^}]*sleeper[^}]*\} (\S+)",
        requests.get(f"{server.metrics_url}/metrics", timeout=10).text,
        re.M,
    )
    return sum(map(float, found))


def test_told_to_stop_while_it_starts(two_models, tmp_path):
    command = [sys.executable, "-m", "modelport", "serve", two_models, "--state-dir", tmp_path / "state"]
    with subprocess.Popen([*map(str, command), "--port=0", "--metrics-port=0"], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"preparing ")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


class TestNotStarted:
    """Each ends at once, with one sentence on stderr and nothing else there."""

    @pytest.fixture
    def serve(self, run_modelport, tmp_path):
        def run(*arguments):
            arguments = ("--port", 0, "--metrics-port", 0, "--state-dir", tmp_path / "state", *arguments)
            done = run_modelport("serve", *arguments)
            assert done.stderr.startswith("modelport: ")
            assert "Traceback" not in done.stderr + done.stdout
            return done.returncode, done.stderr.removeprefix("modelport: ").removesuffix("\n")

        return run

    def test_a_busy_port(self, serve, two_models):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            said = f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another port by --port"
            assert serve(two_models, "--port", port) == (1, said)

    def test_no_such_manifest(self, serve, tmp_path):
        assert serve(tmp_path / "no.yaml") == (2, f"{tmp_path}/no.yaml: no such file or folder")

    def test_an_unknown_field(self, serve, two_models):
        file = two_models / "sleeper.yaml"
        file.write_text(file.read_text() + "  speling: 1\n")
        code, said = serve(file)
        assert code == 2
        assert said.startswith(f"{file}: spec.speling")
        assert "\n" not in said

    def test_a_field_that_nothing_serves_yet(self, serve, two_models):
        file = two_models / "sleeper.yaml"
        file.write_text(file.read_text() + "  execution: {autoscaling: {maxInstances: 2, target: 3}}\n")
        code, said = serve(file)
        assert code == 2
        assert said.startswith(f"{file}: sleeper: spec.execution.autoscaling: needs a cluster")

    def test_a_missing_model(self, serve, two_models):
        shutil.rmtree(two_models / "models" / "half_plus_two")
        code, said = serve(two_models)
        assert code == 1
        assert said.startswith("half_plus_two: ")
        assert str(two_models / "models" / "half_plus_two") in said
        assert "\n" not in said

    def test_a_corrupt_model(self, serve, two_models):
        (two_models / "models" / "half_plus_two" / "model.onnx").write_bytes(b"not a model")
        code, said = serve(two_models)
        assert code == 1
        assert said.startswith("half_plus_two: ")
        assert "\n" not in said

    def test_a_model_that_triton_refuses(self, serve, two_models):
        model = two_models / "models" / "sleeper" / "model.py"
        model.write_text(
            model.read_text() + "    def initialize(self, args):\n        raise RuntimeError('no heart')\n"
        )
        code, said = serve(two_models)
        assert code == 1
        assert said == "sleeper: Triton cannot load it: RuntimeError: no heart"

    def test_a_state_folder_that_cannot_be_written(self, serve, two_models, tmp_path):
        (tmp_path / "state").write_text("a file")
        code, said = serve(two_models)
        assert code == 1
        assert said.startswith(f"the state folder {tmp_path}/state cannot be used: ")

    def test_keys_that_two_models_share(self, serve, two_models, tmp_path):
        (tmp_path / "keys").write_text("half_plus_two:a:secret\nsleeper:b:secret\n")
        code, said = serve(two_models, "--keys", tmp_path / "keys")
        assert (code, said) == (2, f"{tmp_path}/keys, line 2: the key is that of line 1; each needs its own")

    def test_no_triton_where_one_is_named(self, serve, two_models):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{nobody.getsockname()[1]}"
            assert serve(two_models, "--triton", address) == (
                1,
                f"--triton {address}: cannot be reached: Connection refused",
            )
