"""The roles are what the table says, the files are what the roles are, and nothing is granted by a wildcard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelport_operator.rbac import build_cluster_wide, build_namespaced, write
from modelport_operator.reference import build_page
from modelport_operator.resources import WATCHED

ROOT = Path(__file__).parents[3]
Manifest = dict[str, Any]

FILES = {
    "operator/rbac/cluster.yaml": lambda: write(build_cluster_wide("modelport")),
    "operator/rbac/namespaced.yaml": lambda: write(build_namespaced("modelport", ["models"])),
    "docs/reference/operator.md": build_page,
}


@pytest.mark.parametrize("path", FILES)
def test_a_generated_file_is_what_the_code_makes(path: str) -> None:
    assert (ROOT / path).read_text() == FILES[path](), "run `make generate`"


def rules(manifests: list[Manifest], kind: str) -> Iterator[Manifest]:
    for manifest in manifests:
        if manifest["kind"] == kind:
            yield from manifest["rules"]


def may(manifests: list[Manifest], kind: str, verb: str, group: str, resource: str) -> bool:
    return any(
        verb in rule["verbs"] and group in rule["apiGroups"] and resource in rule["resources"]
        for rule in rules(manifests, kind)
    )


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_whatever_is_watched_may_be_watched(verb: str) -> None:
    made = build_cluster_wide("modelport")
    assert all(may(made, "ClusterRole", verb, kind.group, kind.plural) for kind in WATCHED)


def test_nothing_is_granted_by_a_wildcard() -> None:
    for rule in rules(build_cluster_wide("modelport"), "ClusterRole"):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_secrets_are_never_listed() -> None:
    made = build_cluster_wide("modelport")
    assert may(made, "ClusterRole", "get", "", "secrets")
    assert not may(made, "ClusterRole", "list", "", "secrets")
    assert not may(made, "ClusterRole", "watch", "", "secrets")


def test_an_operator_of_some_namespaces_has_rights_in_these_alone() -> None:
    made = build_namespaced("ops", ["vision", "sound"])
    assert [(each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]) for each in made] == [
        ("ServiceAccount", "ops", "modelport-operator"),
        ("Role", "ops", "modelport-operator-lease"),
        ("RoleBinding", "ops", "modelport-operator-lease"),
        ("Role", "vision", "modelport-operator"),
        ("RoleBinding", "vision", "modelport-operator"),
        ("Role", "sound", "modelport-operator"),
        ("RoleBinding", "sound", "modelport-operator"),
    ]
    account = {"kind": "ServiceAccount", "name": "modelport-operator", "namespace": "ops"}
    assert all(each["subjects"] == [account] for each in made if each["kind"] == "RoleBinding")
