"""`modelport serve` on the sample models, and edits while it runs.

We test these aspects: what it prints works as printed; each example answers; the state folder keeps keys to itself;
manifests, keys and model files are edited, broken, added and removed under a running server.
"""

import json
import re
import shlex
import shutil
import subprocess

import pytest

from modelport.api import model_name, parse_yaml

MODELS = ("half_plus_two", "saved_model_half_plus_three", "echo", "ripeness", "shapes")
"""Whose printed curl line predicts by TensorFlow Serving's API."""


class TestPrinted:
    @pytest.mark.parametrize("model", MODELS)
    def test_each_curl_line_works_as_printed(self, served, model):
        lines = [line.strip() for line in served.out.splitlines() if line.strip().startswith("curl ")]
        (line,) = [line for line in lines if f"/{model}:predict" in line]
        answer = subprocess.run([*shlex.split(line), "-sS", "-f"], capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr
        assert len(json.loads(answer.stdout)["predictions"]) == 1

    def test_keys_are_printed_and_never_logged(self, served):
        for key in served.keys.values():
            assert key in served.out
            assert key not in served.err

    def test_only_the_owner_reads_the_state_folder(self, served):
        assert served.state.stat().st_mode & 0o777 == 0o700
        assert (served.state / "keys").stat().st_mode & 0o777 == 0o600

    def test_every_model_is_ready(self, served):
        readiness = served.readiness()
        assert readiness["ready"] is True
        ready = {name: model["ready"] for name, model in readiness["models"].items()}
        assert ready == dict.fromkeys(
            (model_name(each) for file in served.manifests.glob("*.yaml") for each in parse_yaml(file.read_text(), "")),
            True,
        )

    def test_only_loopback_is_listened_on(self, served):
        addresses = {
            connection.laddr.ip
            for process in served.descendants()
            for connection in process.net_connections(kind="tcp")
            if connection.status == "LISTEN"
        }
        assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}


class TestAnswers:
    def test_half_plus_two(self, served):
        assert served.predict("half_plus_two", {"instances": [1.0, 2.0, 5.0]}).json() == {
            "predictions": [2.5, 3.0, 4.5]
        }

    def test_a_wrong_key_is_refused(self, served):
        assert served.predict("half_plus_two", {"instances": [1.0]}, key="mp_wrong").status_code == 401

    def test_an_anonymous_model_asks_for_none(self, served):
        answer = served.predict("saved_model_half_plus_three", {"instances": [1.0]})
        assert answer.json() == {"predictions": [3.5]}

    def test_the_models_digest_is_told(self, served):
        answer = served.predict("half_plus_two", {"instances": [1.0]})
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", answer.headers["X-Model-Digest"])


@pytest.fixture(scope="module")
def edited(serving, write_two_models, tmp_path_factory):
    with serving(write_two_models(tmp_path_factory.mktemp("edited") / "models")) as server:
        yield server


class TestEdits:
    @pytest.fixture
    def server(self, edited, examples):
        """A server whose files are as they were again after the test."""
        yield edited
        shutil.copy(examples / "1-half-plus-two.yaml", edited.manifests)
        model = "models/half_plus_two/model.onnx"
        shutil.copy(examples / model, edited.manifests / model)
        body, right = {"instances": [1.0]}, {"predictions": [2.5]}
        edited.eventually(lambda: edited.predict("half_plus_two", body).json() == right)

    def test_manifests(self, server):
        manifest = server.manifests / "1-half-plus-two.yaml"
        text = manifest.read_text()

        manifest.write_text(text.replace("name: half_plus_two", "name: renamed"))
        key = server.keys["half_plus_two"]
        server.eventually(lambda: server.predict("half_plus_two", {"instances": [1.0]}).status_code == 404)
        server.eventually(lambda: server.predict("renamed", {"instances": [1.0]}, key=key).status_code == 401)

        manifest.write_text(text.replace("- name: default", "- nmae: default"))
        server.eventually(lambda: "spec.access.keys.0.nmae" in server.err or "nmae" in server.err)
        assert "renamed" in server.readiness()["models"]

        manifest.write_text(text)
        server.eventually(lambda: "half_plus_two" in server.readiness()["models"])
        server.eventually(lambda: server.predict("half_plus_two", {"instances": [1.0]}).status_code == 200)

        manifest.unlink()
        server.eventually(lambda: list(server.readiness()["models"]) == ["sleeper"])
        assert not (server.state / "repository" / "half_plus_two").exists()
        assert server.predict("sleeper", {"instances": [0.0]}).status_code == 200

    def test_a_new_model_file_is_loaded_without_a_failed_request(self, server, examples):
        model = server.manifests / "models" / "half_plus_two" / "model.onnx"
        before = server.predict("half_plus_two", {"instances": [1.0]})
        model.write_bytes((examples / "models" / "half_plus_three" / "123" / "model.onnx").read_bytes())
        answers = [before]

        def changed():
            answers.append(server.predict("half_plus_two", {"instances": [1.0]}))
            return answers[-1].json() == {"predictions": [3.5]}

        server.eventually(changed)
        assert {answer.status_code for answer in answers} == {200}
        server.eventually(
            lambda: (
                server.predict("half_plus_two", {"instances": [1.0]}).headers["X-Model-Digest"]
                != before.headers["X-Model-Digest"]
            )
        )

    def test_a_broken_model_file_leaves_the_old_model(self, server):
        (server.manifests / "models" / "half_plus_two" / "model.onnx").write_bytes(b"not a model")
        server.eventually(lambda: "it is served as before" in server.err)
        assert server.predict("half_plus_two", {"instances": [1.0]}).json() == {"predictions": [2.5]}

    def test_a_model_that_triton_refuses_leaves_the_old_one_even_for_tritons_next_start(self, server):
        model = server.manifests / "models" / "sleeper" / "model.py"
        text = model.read_text()
        model.write_text(text + "    def initialize(self, args):\n        raise RuntimeError('no heart')\n")
        server.eventually(lambda: "sleeper: Triton cannot load it: RuntimeError: no heart" in server.err)
        (triton,) = server.descendants("bin/tritonserver")
        assert server.predict("sleeper", {"instances": [0.0]}).status_code == 200

        triton.kill()
        assert server.predict("sleeper", {"instances": [0.0]}).status_code == 200  # it waited for the next Triton

    def test_a_deleted_line_of_a_generated_key_makes_another_key(self, server):
        old = server.keys["half_plus_two"]
        keys = server.state / "keys"
        lines = keys.read_text().splitlines(keepends=True)
        keys.write_text("".join(line for line in lines if not line.startswith("half_plus_two:")))
        server.eventually(lambda: server.predict("half_plus_two", {"instances": [1.0]}, key=old).status_code == 401)
        new = re.search(r"^half_plus_two:default:(.*)$", keys.read_text(), re.M)[1]
        assert new != old
        server.eventually(lambda: server.predict("half_plus_two", {"instances": [1.0]}, key=new).status_code == 200)


class TestOptions:
    @pytest.fixture
    def keys(self, tmp_path):
        keys = tmp_path / "keys.txt"
        keys.write_text("half_plus_two:default:one\nsleeper:default:other\n")
        keys.chmod(0o600)
        return keys

    def test_keys_of_a_file_and_json_logs(self, start_server, two_models, keys):
        server = start_server(two_models, "--keys", keys, "--log-format", "json")

        def status(key):
            return server.predict("half_plus_two", {"instances": [1.0]}, key=key).status_code

        assert (status("one"), status("two")) == (200, 401)
        keys.write_text("half_plus_two:default:two\nsleeper:default:other\n")
        server.eventually(lambda: status("one") == 401, seconds=5)
        server.eventually(lambda: status("two") == 200, seconds=5)
        assert not (server.state / "keys").exists()

        assert server.stop() == 0
        lines = [json.loads(line) for line in server.err.splitlines()]
        assert {"modelport.gateway.server", "modelport.local.serve"} <= {line["logger"] for line in lines}
        assert all({"ts", "level", "message"} <= line.keys() for line in lines)


@pytest.mark.parametrize("http", [False, True])
def test_another_triton_is_used_with_its_own_models(http, start_server, served, two_models):
    ports = {
        argument.partition("=")[0]: argument.partition("=")[2]
        for process in served.descendants("bin/tritonserver")
        for argument in process.cmdline()
    }
    grpc, by_http = (f"127.0.0.1:{ports[option]}" for option in ("--grpc-port", "--http-port"))
    (two_models / "sleeper.yaml").unlink()
    server = start_server(two_models, "--triton", grpc, *(("--triton-http", by_http) if http else ()))
    assert server.predict("half_plus_two", {"instances": [1.0]}).json() == {"predictions": [2.5]}
    assert server.descendants("tritonserver") == []
    (gateway,) = server.descendants("modelport.gateway")
    assert ("--triton-http" in gateway.cmdline()) is http


def test_a_second_run_finds_its_keys_again(start_server, two_models, run_modelport):
    server = start_server(two_models)
    keys = (server.state / "keys").read_text()
    key = server.keys["half_plus_two"]
    second = run_modelport("serve", server.manifests, "--state-dir", server.state, "--port", 0, "--metrics-port", 0)
    assert second.returncode == 1
    assert second.stderr == (
        f"modelport: another modelport serves from the state folder {server.state}; stop it, or name another one by "
        "--state-dir\n"
    )
    assert server.stop() == 0
    again = start_server(two_models, "--state-dir", server.state)
    assert (server.state / "keys").read_text() == keys
    assert again.predict("half_plus_two", {"instances": [1.0]}, key=key).status_code == 200
