"""The small parts of `modelport serve`: options, watching, healing, summary, display, threads."""

import asyncio
import io
import json
import shlex
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from modelport.discovery import Operation
from modelport.gateway.formats.base import VersionState
from modelport.gateway.sockets import close_pairs
from modelport.local.display import PlainDisplay
from modelport.local.editing import build_watched, touched_models
from modelport.local.errors import ServeError, UsageError
from modelport.local.healing import Silence, dead_children, find_silent
from modelport.local.keys import Key
from modelport.local.manifests import Manifest, resolve_file_uri
from modelport.local.options import ServeOptions, listen, parse_address
from modelport.local.summary import format_curl, format_curls, format_summary
from modelport.local.threads import in_thread
from modelport.local.watch import Watched


class TestOptions:
    @pytest.mark.parametrize(
        ("host", "address"),
        [
            ("127.0.0.1", "http://127.0.0.1:80"),
            ("0.0.0.0", "http://127.0.0.1:80"),
            ("::", "http://[::1]:80"),
            ("::1", "http://[::1]:80"),
            ("gpu-host", "http://gpu-host:80"),
        ],
    )
    def test_address(self, host, address):
        assert ServeOptions((), host=host).address(80) == address

    def test_a_busy_port_names_the_option(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said = f"127.0.0.1:{port}: Address already in use; choose another port by --metrics-port"
            with pytest.raises(ServeError, match=said):
                listen(ServeOptions((), port=0, metrics_port=port))

    @pytest.mark.parametrize("workers", [1, 3])
    def test_zero_is_any_free_port_the_same_for_all_workers(self, workers):
        pairs = listen(ServeOptions((), port=0, metrics_port=0, workers=workers))
        ports = {pair.ports for pair in pairs}
        close_pairs(pairs)
        assert (len(pairs), len(ports)) == (workers, 1)
        assert all(port > 0 for port in ports.pop())

    @pytest.mark.parametrize("port", [-1, 65536])
    def test_a_number_that_is_no_port(self, port):
        with pytest.raises(ServeError, match=f":{port}: a port is a number from 0 to 65535; choose another.*--port"):
            listen(ServeOptions((), port=port, metrics_port=0))

    @pytest.mark.parametrize("text", ["host", ":8001", "host:", "host:x", "host:0", "host:65536"])
    def test_no_address_of_a_triton(self, text):
        with pytest.raises(UsageError, match="expected HOST:PORT"):
            parse_address(text, "--triton")


class TestWatched:
    watched = Watched(
        files=frozenset({Path("/m/a.yaml")}),
        folders=frozenset({Path("/m/all")}),
        trees=frozenset({Path("/models/half")}),
    )

    @pytest.mark.parametrize(
        ("path", "minded"),
        [
            ("/m/a.yaml", True),
            ("/m/b.yaml", False),
            ("/m/all/new.yaml", True),
            ("/m/all/below/x.yaml", False),
            ("/models/half", True),
            ("/models/half/1/model.onnx", True),
            ("/models/half2/1/model.onnx", False),
        ],
    )
    def test_minds(self, path, minded):
        assert self.watched.minds(Path(path)) is minded

    def test_what_is_watched(self, make_resource, tmp_path):
        resource = resolve_file_uri(make_resource(), tmp_path)
        (tmp_path / "keys.txt").touch()
        options = ServeOptions((tmp_path,), keys=tmp_path / "keys.txt")
        watched = build_watched(options, [Manifest(tmp_path / "half.yaml", resource)], tmp_path / "state" / "keys")
        assert watched.files == {tmp_path, tmp_path / "keys.txt"}
        assert watched.folders == {tmp_path}
        assert watched.trees == {tmp_path / "models" / "half"}

    def test_a_linked_manifest_is_watched_where_it_lies(self, tmp_path):
        (tmp_path / "real.yaml").touch()
        (tmp_path / "link.yaml").symlink_to(tmp_path / "real.yaml")
        watched = build_watched(ServeOptions((tmp_path / "link.yaml",)), [], tmp_path / "keys")
        assert watched.files == {tmp_path / "link.yaml", tmp_path / "real.yaml", tmp_path / "keys"}

    def test_models_whose_files_changed(self, make_resource, tmp_path):
        manifests = [
            Manifest(tmp_path / "m.yaml", resolve_file_uri(make_resource(name, uri=uri), tmp_path))
            for name, uri in (("a", "file:a"), ("b", "file:b"), ("c", "s3://c"))
        ]
        assert touched_models([tmp_path / "a" / "1" / "model.onnx", tmp_path / "m.yaml"], manifests) == {"a"}


class TestHealing:
    def test_silent_is_ready_for_triton_and_not_for_the_gateway(self):
        readiness = {"models": {"a": {"ready": False}, "b": {"ready": True}, "c": {"ready": False}}}
        states = {
            "a": [VersionState(1, "UNAVAILABLE"), VersionState(2, "READY")],
            "b": [VersionState(1, "READY")],
            "c": [VersionState(1, "LOADING")],
        }
        assert find_silent(readiness, states) == ["a"]

    def test_silence_counts_from_its_beginning(self):
        silence = Silence()
        assert silence.longest(["a"], {"a": 10}, now=100) is None
        assert silence.longest(["a"], {"a": 10}, now=110) is None
        assert silence.longest(["a"], {"a": 10}, now=111) == "a"

    def test_an_answer_in_between_begins_again(self):
        silence = Silence()
        silence.longest(["a"], {"a": 10}, now=100)
        silence.longest([], {"a": 10}, now=105)
        assert silence.longest(["a"], {"a": 10}, now=112) is None

    def test_a_child_that_nobody_buried_is_dead(self):
        child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
        process = psutil.Process(child.pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            pass
        assert child.pid in dead_children(psutil.Process().pid)
        child.wait()
        assert child.pid not in dead_children(psutil.Process().pid)

    @pytest.mark.parametrize("pid", [None, 2**22 + 1])
    def test_no_process_has_no_children(self, pid):
        assert dead_children(pid) == set()


class TestSummary:
    def test_each_model_with_its_key_and_line(self, make_resource):
        open_one = make_resource("open", access={"anonymous": True})
        models = [(make_resource("half"), Key("half", "default", "mp_x"), "curl …half"), (open_one, None, None)]
        text = format_summary("http://127.0.0.1:1", "http://127.0.0.1:2", models, Path("/s/keys"))
        assert "Serving 2 models on http://127.0.0.1:1\n" in text
        assert "  half  (tensorflow-serving)\n    key default: mp_x\n    curl …half\n" in text
        assert "  open  (tensorflow-serving)\n    no key is asked for\n" in text
        assert "http://127.0.0.1:2/metrics" in text

    def test_a_line_holds_all_that_the_shell_needs(self, tmp_path):
        half = Operation("tensorflow-serving", "half", "POST", "http://h/half:predict", {"instances": ["it's"]})
        line = format_curl([half], "half", Key("half", "default", "mp_x"), tmp_path / "examples")
        data = '{"instances":["it\'s"]}'
        assert shlex.split(line) == ["curl", "-H", "x-api-key: mp_x", "-d", data, "http://h/half:predict"]
        assert not (tmp_path / "examples").exists()

    def test_a_long_body_goes_into_a_file_that_the_line_sends(self, tmp_path):
        picture = Operation("nexus", "cups", "POST", "http://h/cups/predict", {"data": "A" * 1000})
        line = format_curl([picture], "cups", None, tmp_path / "examples")
        file = tmp_path / "examples" / "cups.json"
        assert shlex.split(line) == ["curl", "-d", f"@{file}", "http://h/cups/predict"]
        assert json.loads(file.read_text()) == picture.example

    async def test_without_the_document_there_are_no_lines(self, tmp_path):
        assert await format_curls("no URL", [("half", None), ("cups", None)], tmp_path) == [None, None]

    def test_a_model_without_an_example_has_no_line(self, tmp_path):
        assert format_curl([], "half", None, tmp_path) is None

    def test_a_model_that_no_key_opens_says_so(self, make_resource):
        text = format_summary("b", "m", [(make_resource(), None, None)], Path("/s/keys"))
        assert "no key opens it: /s/keys has none" in text


def test_a_download_is_told_now_and_then(monkeypatch):
    clock = iter([0.0, 1.0, 6.0, 7.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    out = io.StringIO()
    with PlainDisplay(out) as display:
        for done in (0, 10**6, 6 * 10**6, 7 * 10**6):
            display.transferred("s3://m", done, 10**7)
    assert out.getvalue() == "downloading s3://m: 6 of 10 MB\n"


class TestThreads:
    async def test_a_result_and_an_error_come_back(self):
        assert await in_thread(lambda: 1) == 1
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 // 0)

    async def test_a_cancelled_wait_does_not_wait(self):
        hang = threading.Event()
        task = asyncio.create_task(in_thread(hang.wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        hang.set()
