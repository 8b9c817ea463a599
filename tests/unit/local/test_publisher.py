"""Which models are loaded, told of and taken away when manifests change, and what stays where a step fails."""

import json
import logging
from dataclasses import dataclass, field

import pytest

from modelport.api import ServedModel
from modelport.api.serving import model_file
from modelport.gateway.formats.base import VersionState
from modelport.local import publisher as publisher_module
from modelport.local.errors import LoadError, ServeError, TritonDown
from modelport.local.manifests import Manifest
from modelport.local.publisher import Publisher, source_credentials
from modelport.local.state import opened_state
from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import ModelSignature
from modelport.repository.publish import Published


@dataclass
class FakeTriton:
    """Takes note of what it is asked, and fails as it is told."""

    asked: list[str] = field(default_factory=list)
    failure: Exception | None = None
    deaths: int = 0
    """Loads by which it ends."""
    index: dict[str, list[VersionState]] = field(default_factory=dict)

    async def load(self, name, config=None):
        self.asked.append(f"load {name}" if config is None else f"load {name} {json.loads(config)['version_policy']}")
        if self.failure and config is None:
            raise self.failure
        if self.deaths:
            self.deaths -= 1
            raise TritonDown("gone")

    async def wait_live(self):
        self.asked.append("wait")

    async def settled(self, name):
        return self.index.get(name, [])

    async def unload(self, name):
        self.asked.append(f"unload {name}")


class Silent:
    def say(self, text):
        pass

    def transferred(self, *_):
        pass


@pytest.fixture
def prepared(monkeypatch):
    """What `prepare` answers, by the model's name; `changed` unless a test says otherwise."""
    answers = {}

    def prepare(resource, *, target, **_):
        name = resource.metadata.name
        answer = answers.get(name, True)
        if isinstance(answer, Exception):
            raise answer
        (target / name).mkdir(exist_ok=True)
        return Published(name, target / name, (1,), "sha256:" + "0" * 64, 1, ("a",), ModelSignature({}), answer)

    monkeypatch.setattr(publisher_module, "prepare", prepare)
    return answers


@pytest.fixture
def publisher(tmp_path, prepared):
    with opened_state(tmp_path / "state") as state:
        yield Publisher(state, FakeTriton(), None, Silent())


@pytest.fixture
def manifest(make_resource, tmp_path):
    return lambda name, **spec: Manifest(tmp_path / f"{name}.yaml", make_resource(name, **spec))


async def start(publisher, *manifests):
    await publisher.publish_all(manifests, await publisher.prepare_all(manifests))
    publisher.triton.asked.clear()


def told(publisher, name):
    path = model_file(publisher.state.serving, name)
    return ServedModel.parse_json(path.read_bytes(), "test") if path.exists() else None


async def test_a_start_forgets_what_an_earlier_run_served(publisher, manifest):
    await start(publisher, manifest("old"))
    await start(publisher, manifest("new"))
    assert told(publisher, "old") is None
    assert told(publisher, "new").labels == ("a",)
    assert [path.name for path in publisher.state.repository.iterdir()] == ["new"]


async def test_every_model_that_cannot_be_had_is_told(publisher, manifest, prepared):
    prepared |= {"a": InvalidModel("no file"), "b": InvalidModel("one\ntwo")}
    with pytest.raises(ServeError, match=r"^a: no file\nb: one\nb: two$"):
        await publisher.prepare_all([manifest("a"), manifest("b"), manifest("c")])


async def test_only_what_differs_is_loaded(publisher, manifest):
    await start(publisher, manifest("a"), manifest("b"))
    await publisher.update([manifest("a"), manifest("b", limits={"depth": 7}), manifest("c")])
    assert publisher.triton.asked == ["load b", "load c"]
    assert told(publisher, "b").resource.spec.limits.depth == 7


async def test_files_that_are_the_same_are_not_loaded_again(publisher, manifest, prepared):
    await start(publisher, manifest("a"), manifest("b"))
    prepared["a"] = False
    await publisher.update([manifest("a"), manifest("b")], {"a", "b"})
    assert publisher.triton.asked == ["load b"]


async def test_a_removed_model_is_forgotten_first_by_the_gateway(publisher, manifest):
    await start(publisher, manifest("a"), manifest("b"))
    await publisher.update([manifest("a")])
    assert publisher.triton.asked == ["unload b"]
    assert told(publisher, "b") is None
    assert not (publisher.state.repository / "b").exists()


@pytest.mark.parametrize("failing", ["prepare", "load"])
async def test_what_fails_leaves_the_model_as_it_was(publisher, manifest, prepared, caplog, failing):
    await start(publisher, manifest("a"))
    if failing == "prepare":
        prepared["a"] = InvalidModel("not a model")
    else:
        publisher.triton.failure = LoadError("not a model")
    with caplog.at_level(logging.ERROR):
        await publisher.update([manifest("a", limits={"depth": 7})])
    assert told(publisher, "a").resource.spec.limits.depth == 64
    assert "not a model" in caplog.text
    assert "it is served as before" in caplog.text


async def test_files_that_triton_refuses_are_put_back_for_its_next_start(publisher, manifest, monkeypatch):
    put_back = []
    monkeypatch.setattr(publisher_module, "restore", lambda target, name: put_back.append((target, name)))
    await start(publisher, manifest("a"))
    publisher.triton.failure = LoadError("not a model")
    await publisher.update([manifest("a", limits={"depth": 7})])
    assert put_back == [(publisher.state.repository, "a")]


async def test_where_a_version_cannot_be_loaded_the_others_are_without_it(publisher, manifest, caplog):
    publisher.triton.failure = LoadError("no such weights")
    publisher.triton.index["a"] = [
        VersionState(3, "UNAVAILABLE", "unloaded"),
        VersionState(4, "UNAVAILABLE", "no such weights"),
    ]
    prepared = await publisher.prepare_all([manifest("a")])
    (publisher.state.repository / "a" / "config.pbtxt").write_text('name: "a" version_policy { all {} }')
    await publisher.publish_all([manifest("a")], prepared)
    assert publisher.triton.asked == ["load a", "load a {'specific': {'versions': ['3']}}"]
    assert told(publisher, "a") is not None
    assert "model a: no such weights; served without it: 3" in caplog.text


async def test_a_triton_that_ends_while_it_loads_is_asked_once_more(publisher, manifest):
    publisher.triton.deaths = 1
    await publisher.publish_all([manifest("a")], await publisher.prepare_all([manifest("a")]))
    assert publisher.triton.asked == ["load a", "wait", "load a"]
    assert told(publisher, "a") is not None


async def test_a_model_that_ends_triton_twice_is_told_of(publisher, manifest):
    publisher.triton.deaths = 2
    prepared = await publisher.prepare_all([manifest("a")])
    with pytest.raises(ServeError, match="gone"):
        await publisher.publish_all([manifest("a")], prepared)
    assert publisher.triton.asked == ["load a", "wait", "load a"]


async def test_a_change_while_triton_is_down_is_loaded_when_it_is_back(publisher, manifest):
    await start(publisher, manifest("a"))
    publisher.triton.failure = TritonDown("gone")
    await publisher.update([manifest("a", limits={"depth": 7})])
    assert told(publisher, "a").resource.spec.limits.depth == 7
    publisher.triton.failure = None
    publisher.triton.asked.clear()
    await publisher.load_again()
    assert publisher.triton.asked == ["load a"]


async def test_another_triton_is_asked_for_nothing(publisher, manifest):
    publisher.triton = None
    await publisher.publish_all([manifest("a", io={"labels": ["x"]})], await publisher.prepare_all([manifest("a")]))
    assert told(publisher, "a").labels == ("x",)


def test_credentials_come_from_the_folder_of_secrets(make_resource, tmp_path):
    source = {"uri": "s3://models/a", "secretRef": {"name": "models-s3"}}
    resource = make_resource(model={"format": "ONNX", "source": source})
    with pytest.raises(ServeError, match=r"half: spec\.model\.source\.secretRef: .* --secrets DIR"):
        source_credentials(resource, None)
    with pytest.raises(ServeError, match=r"models-s3 cannot be read"):
        source_credentials(resource, tmp_path)
    (tmp_path / "models-s3").mkdir()
    (tmp_path / "models-s3" / "AWS_ACCESS_KEY_ID").write_text("AKIA\n")
    assert source_credentials(resource, tmp_path) == {"AWS_ACCESS_KEY_ID": "AKIA"}
