"""What the operator may do in a cluster: one table, and the roles that are made from it.

`python -m modelport_operator.rbac` prints the manifests; without options, what stands in `operator/rbac/cluster.yaml`.
The tests run the operator with exactly these rights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from modelport_operator.lease import LEASE_NAME
from modelport_operator.resources import (
    CHILDREN,
    DEPLOYMENT,
    EVENT,
    LEASE,
    POD,
    PUBLISHED_MODEL,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    Kind,
    Manifest,
)

NAME: Final = "modelport-operator"
"""Of the ServiceAccount and of everything that is bound to it."""
OWN_NAMESPACE: Final = "modelport"
"""Where the operator runs, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Right:
    """What may be done with one kind of object, and what for."""

    kind: Kind
    verbs: Sequence[str]
    why: str
    subresource: str = ""
    names: Sequence[str] = ()
    """The only objects that it concerns; empty for all."""

    @property
    def resource(self) -> str:
        """As a role names it."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural

    def rule(self) -> Manifest:
        """Return it as a rule of a role."""
        rule = {"apiGroups": [self.kind.group], "resources": [self.resource], "verbs": list(self.verbs)}
        return rule | ({"resourceNames": list(self.names)} if self.names else {})


RIGHTS: Final[Sequence[Right]] = (
    Right(PUBLISHED_MODEL, ("list", "watch"), "to see what is wanted"),
    Right(PUBLISHED_MODEL, ("patch",), "to tell what is", "status"),
    Right(PUBLISHED_MODEL, ("update",), "to own children where blockOwnerDeletion is enforced", "finalizers"),
    *(
        Right(kind, ("get", "list", "watch", "create", "patch", "delete"), "to keep a resource's children as wanted")
        for kind in CHILDREN
    ),
    Right(DEPLOYMENT, ("get", "patch"), "to set the number of Pods, and to hand that right to schedule Jobs", "scale"),
    Right(
        POD, ("list", "watch", "patch"), "to see why a model does not answer, and to make a kubelet look at new keys"
    ),
    Right(EVENT, ("list", "create"), "to find why a Pod does not start, and to tell of transitions"),
    Right(SECRET, ("get", "create", "patch", "delete"), "to keep keys; never lists, and reads only what a spec names"),
)
"""In every namespace that is worked on. Discovery needs no right: each user of a cluster has it."""

OWN_RIGHTS: Final[Sequence[Right]] = (
    Right(LEASE, ("create",), "to be elected"),
    Right(LEASE, ("get", "update"), "to stay elected", names=(LEASE_NAME,)),
)
"""In the operator's own namespace."""


def build_cluster_wide(own_namespace: str) -> list[Manifest]:
    """Return what an operator needs that works on the whole cluster."""
    role = {"kind": "ClusterRole", "name": NAME}
    return [
        *_build_own(own_namespace),
        _object("ClusterRole", None, NAME, rules=build_rules(RIGHTS)),
        _object("ClusterRoleBinding", None, NAME, **_binding(role, own_namespace)),
    ]


def build_namespaced(own_namespace: str, namespaces: Iterable[str]) -> list[Manifest]:
    """Return what an operator needs that works on some namespaces: nothing outside of them, Secrets least of all."""
    manifests = _build_own(own_namespace)
    for namespace in namespaces:
        manifests += _role(namespace, NAME, RIGHTS, own_namespace)
    return manifests


def _build_own(namespace: str) -> list[Manifest]:
    account = {
        "apiVersion": SERVICE_ACCOUNT.api_version,
        "kind": SERVICE_ACCOUNT.name,
        "metadata": {"name": NAME, "namespace": namespace},
    }
    return [account, *_role(namespace, f"{NAME}-lease", OWN_RIGHTS, namespace)]


def _role(namespace: str, name: str, rights: Sequence[Right], own_namespace: str) -> list[Manifest]:
    reference = {"kind": ROLE.name, "name": name}
    return [
        _object(ROLE.name, namespace, name, rules=build_rules(rights)),
        _object(ROLE_BINDING.name, namespace, name, **_binding(reference, own_namespace)),
    ]


def _object(kind: str, namespace: str | None, name: str, **parts: object) -> Manifest:
    metadata = {"name": name} | ({} if namespace is None else {"namespace": namespace})
    return {"apiVersion": ROLE.api_version, "kind": kind, "metadata": metadata, **parts}


def _binding(role: Manifest, own_namespace: str) -> Manifest:
    subject = {"kind": SERVICE_ACCOUNT.name, "name": NAME, "namespace": own_namespace}
    return {"roleRef": {"apiGroup": ROLE.group, **role}, "subjects": [subject]}


def build_rules(rights: Sequence[Right]) -> list[Manifest]:
    """Return one rule for each group of the API and what may be done in it."""
    rules: list[Manifest] = []
    for right in rights:
        rule = right.rule()
        for known in rules:
            if known | {"resources": rule["resources"]} == rule:
                known["resources"] += rule["resources"]
                break
        else:
            rules.append(rule)
    return rules


def write(manifests: Iterable[Manifest]) -> str:
    """Return manifests as one YAML document each."""
    head = "# Made by `python -m modelport_operator.rbac`; its options give other namespaces.\n"
    return head + yaml.safe_dump_all(
        manifests, sort_keys=False, explicit_start=True, default_flow_style=None, width=120
    )


def main(arguments: Sequence[str]) -> None:
    """Print the manifests."""
    parser = argparse.ArgumentParser(prog="python -m modelport_operator.rbac", allow_abbrev=False)
    parser.add_argument("--own-namespace", default=OWN_NAMESPACE, help="where the operator runs (default %(default)s)")
    parser.add_argument("--namespaces", default="", help="with commas; none: the whole cluster")
    found = parser.parse_args(arguments)
    namespaces = [each for each in found.namespaces.split(",") if each]
    made = build_namespaced(found.own_namespace, namespaces) if namespaces else build_cluster_wide(found.own_namespace)
    sys.stdout.write(write(made))


if __name__ == "__main__":
    main(sys.argv[1:])
