"""What the watches, our own writes and the resync tell, in whatever order they come."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from modelport_operator.resources import CONFIG_MAP, DEPLOYMENT, POD, PUBLISHED_MODEL, Kind, Manifest
from modelport_operator.store import GRAVES, Key, Parts, Store, key_of

CUPS = Key("vision", "cups")


def child(version: int, uid: str = "u1", **metadata: Any) -> Manifest:
    owner = {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "name": "cups", "uid": "m1"}
    return {
        "metadata": {
            "name": "cups-live",
            "namespace": "vision",
            "uid": uid,
            "resourceVersion": str(version),
            "ownerReferences": [owner],
            **metadata,
        }
    }


def resource(version: int, uid: str = "m1") -> Manifest:
    return {"metadata": {"name": "cups", "namespace": "vision", "uid": uid, "resourceVersion": str(version)}}


def live(store: Store) -> Manifest | None:
    return store.get(CONFIG_MAP, "vision", "cups-live")


@pytest.mark.parametrize(
    ("story", "stays"),
    [
        pytest.param([("put", child(1)), ("put", child(2))], 2, id="a newer one replaces an older one"),
        pytest.param([("put", child(2)), ("put", child(1))], 2, id="an older one that comes late is nothing new"),
        pytest.param([("put", child(9)), ("put", child(10))], 10, id="versions are numbers, not texts"),
        pytest.param([("put", child(1)), ("drop", child(2))], None, id="what is deleted is gone"),
        pytest.param(
            [("put", child(1)), ("drop", child(3)), ("put", child(2))], None, id="a late answer brings nothing back"
        ),
        pytest.param(
            [("put", child(1)), ("drop", child(2)), ("put", child(3))],
            3,
            id="one that only lost its label for a while comes back",
        ),
        pytest.param(
            [("put", child(1)), ("put", child(4, "u2")), ("drop", child(3))],
            4,
            id="the end of the old one does not end the new one of its name",
        ),
        pytest.param(
            [("put", child(4, "u2")), ("put", child(2))], 4, id="the old one that comes late does not hide the new one"
        ),
        pytest.param([("put", child(1)), ("list", ([], 5))], None, id="a list without it ends it"),
        pytest.param([("put", child(7)), ("list", ([], 5))], 7, id="a list that is older than it does not end it"),
        pytest.param(
            [("put", child(1)), ("drop", child(6)), ("list", ([child(1)], 5))],
            None,
            id="a list that is older than its end does not bring it back",
        ),
        pytest.param([("put", child(7)), ("list", ([child(2)], 5))], 7, id="a list does not make anything older"),
    ],
)
def test_what_is_known_in_the_end(story: list[tuple[str, Any]], stays: int | None) -> None:
    store = Store()
    for what, told in story:
        match what:
            case "put":
                store.put(CONFIG_MAP, told)
            case "drop":
                store.drop(CONFIG_MAP, told)
            case "list":
                listed, version = told
                for each in listed:
                    store.put(CONFIG_MAP, each)
                store.keep(CONFIG_MAP, set(map(key_of, listed)), version)
    found = live(store)
    assert (found and int(found["metadata"]["resourceVersion"])) == stays
    assert (CONFIG_MAP, "cups-live") in store.children(CUPS) if stays else not store.children(CUPS)


def test_a_child_concerns_its_owner_and_a_pod_the_one_that_it_is_labelled_with() -> None:
    store = Store()
    pod = child(1, name="cups-1", ownerReferences=[], labels={"app.kubernetes.io/instance": "cups"})
    assert store.put(CONFIG_MAP, child(1)) == store.put(POD, pod) == CUPS
    assert set(store.children(CUPS)) == {(CONFIG_MAP, "cups-live"), (POD, "cups-1")}
    assert store.drop(POD, pod) == CUPS


def test_what_belongs_to_nobody_is_known_and_concerns_nobody() -> None:
    store = Store()
    assert store.put(CONFIG_MAP, child(1, ownerReferences=[])) is None
    assert live(store) is not None


def test_a_resource_is_found_by_its_key() -> None:
    store = Store()
    assert store.put(PUBLISHED_MODEL, resource(1)) == CUPS
    assert store.resource(CUPS) == resource(1)
    assert store.resources() == [CUPS]
    assert store.drop(PUBLISHED_MODEL, resource(2)) == CUPS
    assert store.resource(CUPS) is None


def test_each_change_of_a_resource_is_told_once() -> None:
    told: list[tuple[Key, Manifest | None]] = []
    store = Store()
    store.on_resource = lambda key, found: told.append((key, found))
    store.put(PUBLISHED_MODEL, resource(2))
    store.put(PUBLISHED_MODEL, resource(1))
    store.put(CONFIG_MAP, child(3))
    store.put(PUBLISHED_MODEL, resource(4, "m2"))
    store.drop(PUBLISHED_MODEL, resource(3))
    store.keep(PUBLISHED_MODEL, {CUPS}, 5)
    store.keep(PUBLISHED_MODEL, set(), 5)
    assert told == [(CUPS, resource(2)), (CUPS, resource(4, "m2")), (CUPS, None)]


def test_what_many_objects_have_is_kept_once() -> None:
    parts = Parts()
    probe = {"httpGet": {"path": "/readyz", "port": 9090}, "periodSeconds": 2, "exec": ["a", True, 1, None, 1.0]}

    def made(name: str) -> Manifest:
        return {"name": name, "probe": copy.deepcopy(probe)}

    objects = [parts.share(made(f"cups-{number}")) for number in range(6)]
    assert objects == [made(f"cups-{number}") for number in range(6)]
    assert objects[-1]["probe"] is objects[-2]["probe"]
    assert [type(each) for each in objects[-1]["probe"]["exec"]] == [str, bool, int, type(None), float]
    assert objects[-1] is not objects[-2]


def test_what_is_shared_is_bounded() -> None:
    parts = Parts(most=10)
    for number in range(1000):
        assert parts.share({"number": number, "same": {"a": "b"}}) == {"number": number, "same": {"a": "b"}}
        assert len(parts) <= 10 + 4


def test_what_is_known_already_concerns_nobody() -> None:
    store = Store()
    assert store.put(CONFIG_MAP, child(1)) == CUPS
    assert store.put(CONFIG_MAP, child(1)) is None
    assert store.put(CONFIG_MAP, child(2)) == CUPS


@pytest.mark.parametrize(("kind", "state"), [(PUBLISHED_MODEL, resource), (CONFIG_MAP, child)])
def test_a_change_that_our_own_write_brought_along_is_told_when_the_watch_tells_of_it(kind: Kind, state: Any) -> None:
    store = Store()
    store.put(kind, state(1))
    store.put(kind, state(3))  # our write's answer, on top of somebody's change 2
    assert store.put(kind, state(2)) == CUPS
    assert store.put(kind, state(3)) is None


def test_ends_are_not_remembered_for_ever() -> None:
    store = Store()
    store.drop(CONFIG_MAP, child(1, "first"))
    for number in range(GRAVES):
        store.drop(CONFIG_MAP, child(1, f"u{number}"))
    store.put(CONFIG_MAP, child(1, "first"))
    assert live(store) is not None


@pytest.mark.parametrize(
    ("kind", "keeps"),
    [
        pytest.param(CONFIG_MAP, False, id="who owns the fields of a child is read by nobody"),
        pytest.param(DEPLOYMENT, True, id="who owns the number of Pods is read"),
    ],
)
def test_an_object_is_kept_whole_but_for_the_owners_of_its_fields(kind: Kind, keeps: bool) -> None:
    scale = {"manager": "modelport-scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    owners = [scale, {"manager": "kubelet", "fieldsV1": {"f:status": {}}}]
    store = Store()
    content = {"data": {"text": "x" * 1000, "list": [1, 2.5, None, True, {"deep": "down"}]}}
    store.put(kind, content | child(1, managedFields=owners))
    kept = store.get(kind, "vision", "cups-live")
    assert kept == content | child(1, **({"managedFields": [scale]} if keeps else {}))


def test_of_a_pod_what_tells_why_it_does_not_answer_is_kept() -> None:
    store = Store()
    config = {"name": "config", "configMap": {"name": "cups-config-1"}}
    gateway = {"name": "gateway", "resources": {"limits": {"memory": "2Gi"}}}
    fetch = {"name": "fetch", "resources": {}}
    status = {"phase": "Running", "podIP": "10.0.0.7"}
    spec = {
        "nodeName": "node1",
        "volumes": [config, {"name": "models", "emptyDir": {}}],
        "initContainers": [fetch | {"args": ["--pins=/a"]}],
        "containers": [gateway | {"env": [{"name": "HOME", "value": "/tmp"}], "image": "modelport"}],
        "securityContext": {"runAsUser": 1000},
    }

    store.put(POD, child(1) | {"spec": spec, "status": status})

    kept = store.get(POD, "vision", "cups-live")
    assert kept is not None
    assert kept["status"] == status
    assert kept["spec"] == {
        "nodeName": "node1",
        "volumes": [config],
        "initContainers": [fetch],
        "containers": [gateway],
    }
