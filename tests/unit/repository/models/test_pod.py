"""What a Pod's fetch takes, writes and says.

We test these aspects: what the gateway is told; which files an earlier Pod's find makes it take; what of the live half
counts; its last words and exit codes; and that it may be run again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelport.api import ServedModel
from modelport.api.live import split
from modelport.cli import main
from modelport.errors import ModelportError
from modelport.repository import command
from modelport.repository.disk import remove
from modelport.repository.errors import FetchError
from modelport.repository.pod import PodFetch, fetch_for_pod

CLASSIFIER = "(float[n, 3, 8, 8] image) => (float[n, 3] y) { y = ReduceMean<axes = [2, 3], keepdims = 0>(image) }"


class Volumes:
    """A Pod's folders, and the command that works on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.words = folder / "termination-log"

    def mount(self, resource: Any, **pins: Any) -> None:
        """Write the halves of a resource and the pins, which hold for it unless they name other settings."""
        fixed, live = split(resource)
        head = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": {"name": "m"}}
        (self.folder / "resource.json").write_text(json.dumps({**head, "spec": fixed}))
        (self.folder / "live.json").write_text(json.dumps({"spec": live}))
        (self.folder / "pins.json").write_text(json.dumps({"config": self.config, **pins}))

    @property
    def config(self) -> str:
        return hashlib.sha256((self.folder / "resource.json").read_bytes()).hexdigest()[:10]

    @property
    def served(self) -> ServedModel:
        return ServedModel.parse_json((self.folder / "serving" / "models" / "m.json").read_bytes(), "test")

    @property
    def laid_out(self) -> set[str]:
        return {path.name for path in (self.folder / "models" / "m").iterdir() if path.is_dir()}

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run the command; return its exit code and last words."""
        options = [f"--{name}={self.folder / name}.json" for name in ("resource", "live", "pins")]
        folders = [
            f"--{name}={self.folder / place}" for name, place in (("repository", "models"), ("serving", "serving"))
        ]
        words = [f"--termination-log={self.words}", "--local-files"]
        return main(["fetch", *options, *folders, *words, *arguments]), self.words.read_text()


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path)


@pytest.fixture(autouse=True)
def _as_it_was() -> Any:
    """Undo what a command sets for its whole process."""
    root, ours = logging.getLogger(), logging.getLogger("modelport")
    before = root.handlers[:], root.level, ours.level, signal.getsignal(signal.SIGTERM)
    yield
    root.handlers[:], root.level, ours.level = before[:3]
    signal.signal(signal.SIGTERM, before[3])


@pytest.fixture
def write_versions(tmp_path: Path, write_onnx: Any) -> Callable[..., dict[str, Any]]:
    """Write versions of a classifier of three classes; gives the model's part of a manifest."""

    def write(*numbers: int) -> dict[str, Any]:
        for number in numbers:
            write_onnx(tmp_path / "source" / str(number) / "model.onnx", CLASSIFIER)
        return {"source": {"uri": f"file:{tmp_path / 'source'}"}}

    return write


def test_the_last_words_say_what_was_found(volumes: Volumes, write_versions: Any, manifest: Any) -> None:
    volumes.mount(manifest({**write_versions(3, 4), "versions": {"policy": "All"}}))
    code, words = volumes.run()
    assert code == 0
    assert json.loads(words) == {"version": "4", "digest": volumes.served.digest, "serving": ["3", "4"]}


def test_the_gateway_is_told_of_the_fixed_half(volumes: Volumes, write_versions: Any, manifest: Any) -> None:
    volumes.mount(manifest(write_versions(1), apis=["nnc"], limits={"timeoutSeconds": 7, "depth": 3}))
    assert volumes.run()[0] == 0
    spec = volumes.served.resource.spec
    assert (spec.apis, spec.limits.timeout_seconds, spec.limits.depth) == (None, 7, 64)
    assert {each.name for each in (volumes.folder / "serving").iterdir()} == {"models", "live", "keys"}


LABELS = {
    "those of a file are": ({"labelsFrom": "labels.txt"}, ("from", "a", "file")),
    "those of the manifest are live": ({"labels": ["one", "two", "three"]}, ()),
}


@pytest.mark.parametrize(("labels", "expected"), LABELS.values(), ids=LABELS)
def test_labels_that_the_gateway_is_told(
    volumes: Volumes, write_versions: Any, manifest: Any, labels: Any, expected: tuple[str, ...]
) -> None:
    model = write_versions(1)
    (volumes.folder / "source" / "labels.txt").write_text("from\na\nfile\n")
    volumes.mount(manifest(model, io=labels))
    assert volumes.run()[0] == 0
    assert volumes.served.labels == expected


def test_it_may_be_run_again_without_the_source(volumes: Volumes, write_versions: Any, manifest: Any) -> None:
    volumes.mount(manifest(write_versions(1)))
    first = volumes.run()
    found = json.loads(first[1])
    volumes.mount(manifest(write_versions(1)), version="1", digest=found["digest"])
    (volumes.folder / "source").rename(volumes.folder / "gone")
    assert volumes.run() == first


class TestPins:
    def test_another_pod_fails_where_the_source_has_changed(
        self, volumes: Volumes, write_versions: Any, manifest: Any, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        resource = manifest(write_versions(3))
        volumes.mount(resource, version="3", digest=f"sha256:{'0' * 64}")
        code, words = volumes.run()
        assert code == 1
        assert "has other files than those that m was first served with (sha256:0000" in words
        assert "kubectl annotate pm/m --overwrite modelport.io/refresh=" in words

    def test_a_digest_of_the_users_own_is_not_blamed_on_a_change(
        self, volumes: Volumes, write_versions: Any, manifest: Any
    ) -> None:
        model = write_versions(3)
        digest = f"sha256:{'0' * 64}"
        volumes.mount(manifest({"source": {**model["source"], "digest": digest}}), version="3", digest=digest)
        code, words = volumes.run()
        assert (code, "was expected" in words, "kubectl" in words) == (1, True, False)

    def test_a_pod_of_other_settings_takes_its_own(self, volumes: Volumes, write_versions: Any, manifest: Any) -> None:
        volumes.mount(manifest(write_versions(3)), config="0123456789", version="9", digest=f"sha256:{'0' * 64}")
        code, words = volumes.run()
        assert (code, json.loads(words)["version"]) == (0, "3")

    @pytest.mark.parametrize("policy", ["Latest", "All"])
    def test_a_version_that_is_added_later_disturbs_no_pod(
        self, volumes: Volumes, write_versions: Any, manifest: Any, policy: str
    ) -> None:
        resource = manifest({**write_versions(3), "versions": {"policy": policy}})
        volumes.mount(resource)
        first = volumes.run()
        volumes.mount(resource, **json.loads(first[1]))
        write_versions(4)
        remove(volumes.folder / "models")  # another Pod has nothing yet
        assert volumes.run() == first
        assert volumes.laid_out == {"3"}
        volumes.mount(resource)
        assert json.loads(volumes.run()[1])["version"] == "4"

    @pytest.mark.parametrize("content", ["", "[]", '{"version": "four"}'], ids=["empty", "a list", "no number"])
    def test_a_file_that_holds_none_is_told(
        self, volumes: Volumes, write_versions: Any, manifest: Any, content: str
    ) -> None:
        volumes.mount(manifest(write_versions(3)))
        (volumes.folder / "pins.json").write_text(content)
        code, words = volumes.run()
        assert (code, words) == (1, f"{volumes.folder}/pins.json: expected an object with config, version and digest")

    def test_what_a_later_release_adds_is_no_trouble(
        self, volumes: Volumes, write_versions: Any, manifest: Any
    ) -> None:
        volumes.mount(manifest(write_versions(3)), colour="red")
        assert volumes.run()[0] == 0


class TestLive:
    """Labels are live, so that a wrong number of them is a mistake in the live half."""

    @pytest.fixture
    def labelled(self, write_versions: Any, manifest: Any) -> Callable[..., Any]:
        io = {"task": "ImageClassification", "inputs": [{"name": "image", "kind": "Image"}]}
        return lambda *labels: manifest(write_versions(1), io={**io, "labels": labels})

    def test_new_settings_must_make_sense_in_all(self, volumes: Volumes, labelled: Any) -> None:
        volumes.mount(labelled("one", "two"))
        code, words = volumes.run()
        assert code == 1
        assert words.startswith("spec.io.labels: 2 labels, but the model's output is")

    @pytest.mark.parametrize(
        "pins",
        [{"version": "1", "digest": "as found"}, {"config": "0123456789"}],
        ids=["has served with the same settings", "has settings that are being replaced"],
    )
    def test_a_pod_goes_on_that(self, volumes: Volumes, labelled: Any, pins: dict[str, str]) -> None:
        volumes.mount(labelled("one", "two", "three"))
        found = json.loads(volumes.run()[1])
        volumes.mount(labelled("one", "two"), **{name: found.get(name, pins[name]) for name in pins})
        code, words = volumes.run()
        assert (code, json.loads(words)) == (0, found)

    def test_one_that_does_not_fit_is_left_aside(self, volumes: Volumes, write_versions: Any, manifest: Any) -> None:
        volumes.mount(manifest(write_versions(1)))
        (volumes.folder / "live.json").write_text('{"spec": {"apis": ["nexus"]}}')
        assert volumes.run()[0] == 0


class TestFailure:
    """Exit code 1, and one line that says why."""

    def test_a_file_of_this_machine_is_refused(self, volumes: Volumes, write_versions: Any, manifest: Any) -> None:
        volumes.mount(manifest(write_versions(1)))
        options = PodFetch(volumes.folder / "resource.json", volumes.folder / "models", volumes.folder / "serving")
        with pytest.raises(FetchError, match="which a Pod does not have; use s3"):
            fetch_for_pod(options)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("{", "resource.json: not JSON: "),
            ('{"spec": {}}', "resource.json: metadata: missing; "),
            (None, "resource.json cannot be read: No such file or directory"),
        ],
        ids=["cut off", "without fields", "not there"],
    )
    def test_a_resource_that_cannot_be_read(
        self, volumes: Volumes, write_versions: Any, manifest: Any, content: str | None, says: str
    ) -> None:
        volumes.mount(manifest(write_versions(1)))
        if content is None:
            (volumes.folder / "resource.json").unlink()
        else:
            (volumes.folder / "resource.json").write_text(content)
        code, words = volumes.run()
        assert (code, says in words, len(words.splitlines())) == (1, True, 1), words

    def test_a_secret_that_is_not_there(self, volumes: Volumes, manifest: Any) -> None:
        volumes.mount(manifest({"source": {"uri": "s3://models/m/", "secretRef": {"name": "models-s3"}}}))
        (volumes.folder / "secrets").mkdir()
        code, words = volumes.run(f"--secrets={volumes.folder}/secrets")
        assert code == 1
        assert words.startswith("download failed: s3://models/m/ needs the Secret models-s3: ")

    def test_a_signature_in_the_address_is_not_told(self, volumes: Volumes, manifest: Any) -> None:
        volumes.mount(manifest({"source": {"uri": "http://me:pass@127.0.0.1:1/m.onnx?sig=abc"}}), digest="sha256:0")
        code, words = volumes.run()
        assert (code, "pass" in words, "abc" in words) == (1, False, False), words

    def test_a_disk_that_cannot_be_written(self, volumes: Volumes, write_versions: Any, manifest: Any) -> None:
        volumes.mount(manifest(write_versions(1)))
        (volumes.folder / "models").write_text("a file where a folder should be")
        code, words = volumes.run()
        assert (code, "cannot be" in words, len(words.splitlines())) == (1, True, 1), words

    def test_a_bug_keeps_its_traceback_for_the_log(
        self,
        volumes: Volumes,
        write_versions: Any,
        manifest: Any,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        def fail(*_: object) -> None:
            raise KeyError("secret")

        monkeypatch.setattr(command, "fetch_for_pod", fail)
        volumes.mount(manifest(write_versions(1)))
        assert volumes.run() == (1, "fetch failed by an internal error (KeyError); its log tells more")
        assert "Traceback" in capsys.readouterr().err

    def test_long_words_are_cut(
        self, volumes: Volumes, write_versions: Any, manifest: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise ModelportError("word\n" * 1000)

        monkeypatch.setattr(command, "fetch_for_pod", fail)
        volumes.mount(manifest(write_versions(1)))
        code, words = volumes.run()
        assert (code, len(words)) == (1, command.LAST_WORDS)
        assert words.startswith("word; word")

    def test_an_unknown_triton(self, volumes: Volumes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(command.TRITON_VARIABLE, "half")
        with pytest.raises(SystemExit) as ended:
            main(["fetch", "--resource=r", "--repository=m", "--serving=s"])
        assert ended.value.code == 2


def test_the_environment_names_the_triton(
    volumes: Volumes, write_versions: Any, manifest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes.mount(manifest(write_versions(1)))
    monkeypatch.setenv(command.TRITON_VARIABLE, "wheel")
    assert volumes.run()[0] == 0
    assert (volumes.folder / "models" / "m" / "1" / "model.py").exists()
    assert volumes.run("--triton=full")[0] == 0
    assert not (volumes.folder / "models" / "m" / "1" / "model.py").exists()


def test_a_download_is_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    moments = iter([0.0, 1.0, command.PROGRESS_SECONDS])
    reporter = command.Reporter(lambda: next(moments))
    with caplog.at_level(logging.INFO, "modelport"):
        for done in (0, 1_000_000, 2_000_000):
            reporter("s3://models/m/", done, 4_000_000)
    assert [each.getMessage() for each in caplog.records] == [
        "downloading s3://models/m/: 0 of 4 MB",
        "downloading s3://models/m/: 2 of 4 MB",
    ]


class TestVolumes:
    def test_a_model_on_a_volume(self, volumes: Volumes, write_onnx: Any, manifest: Any) -> None:
        write_onnx(volumes.folder / "volumes" / "models" / "a b" / "net.onnx", CLASSIFIER)
        volumes.mount(manifest({"source": {"uri": "pvc://models/a%20b"}}))
        code, words = volumes.run(f"--volumes={volumes.folder}/volumes")
        assert (code, json.loads(words)["serving"]) == (0, ["1"])
        assert volumes.served.resource.spec.model.source.uri == "pvc://models/a%20b"

    @pytest.mark.parametrize(
        ("uri", "says"),
        [
            ("pvc://models/gone", "cannot be read: No such file or directory"),
            ("pvc://models/../../secrets", "leads out of its folder"),
            ("pvc://models//etc/passwd", "is absolute"),
        ],
        ids=["that is not there", "that leads out", "that is absolute"],
    )
    def test_a_path(self, volumes: Volumes, manifest: Any, uri: str, says: str) -> None:
        (volumes.folder / "volumes" / "models").mkdir(parents=True)
        volumes.mount(manifest({"source": {"uri": uri}}))
        code, words = volumes.run(f"--volumes={volumes.folder}/volumes")
        assert code == 1
        assert words.startswith(f"download failed: {uri} ")
        assert says in words

    def test_without_volumes(self, volumes: Volumes, manifest: Any) -> None:
        volumes.mount(manifest({"source": {"uri": "pvc://models/m"}}))
        assert volumes.run()[1].startswith("download failed: pvc://models/m is a volume of a cluster")
