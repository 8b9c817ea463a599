"""What stands in a namespace in the end, without what differs from one run to the next.

Two runs that end in the same resources must end in the same children, whatever befell the operator on the way.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from control_plane.cluster import Cluster

from modelport_operator.names import APPLIED, OURS
from modelport_operator.resources import CHILDREN, POD, PUBLISHED_MODEL, SECRET, Manifest

SETTLE_SECONDS = 60.0

Name = tuple[str, str]
"""Kind and name."""

SERVERS_OWN = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
ADDRESSES = ("clusterIP", "clusterIPs")


def children(cluster: Cluster, namespace: str) -> dict[Name, Manifest]:
    """Return every child that bears the operator's label."""
    kinds = [each for each in (*CHILDREN, SECRET) if not each.optional]
    return _get(cluster, namespace, ",".join(each.plural for each in kinds), "-l", OURS)


def resources(cluster: Cluster, namespace: str) -> dict[Name, Manifest]:
    """Return the PublishedModels."""
    return _get(cluster, namespace, PUBLISHED_MODEL.plural)


def pods(cluster: Cluster, namespace: str) -> dict[Name, Manifest]:
    """Return the Pods."""
    return _get(cluster, namespace, POD.plural)


def keys(secrets: Iterable[Manifest]) -> dict[Name, str]:
    """Return the generated keys: (uid of the resource, name of the key) → value."""
    return {
        (each["metadata"]["ownerReferences"][0]["uid"], name): value
        for each in secrets
        if each["metadata"]["name"].endswith("-keys")
        for name, value in each.get("data", {}).items()
    }


def essence(obj: Manifest) -> Manifest:
    """Return a child without what the server says of it, and without the values of its keys."""
    metadata = {name: value for name, value in obj["metadata"].items() if name not in SERVERS_OWN}
    annotations = {name: value for name, value in metadata.pop("annotations", {}).items() if name != APPLIED}
    annotations.pop("deployment.kubernetes.io/revision", None)
    if "modelport.io/created" in annotations:
        annotations["modelport.io/created"] = "sometime"
    metadata["ownerReferences"] = [
        {name: value for name, value in each.items() if name != "uid"} for each in metadata.get("ownerReferences", ())
    ]
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "status")}
    if obj["kind"] == "Secret":
        rest["data"] = sorted(rest.get("data", {}))
    if obj["kind"] == "Service":
        rest["spec"] = {name: value for name, value in rest["spec"].items() if name not in ADDRESSES}
    return rest | {"metadata": metadata | {"annotations": annotations}}


def told(resource: Manifest) -> Manifest:
    """Return what the status of a resource says, without times."""
    status = dict(resource.get("status", {}))
    status["conditions"] = [
        {name: each[name] for name in ("type", "status", "reason", "message")} for each in status.get("conditions", ())
    ]
    status["keys"] = [each["name"] for each in status.get("keys", ())]
    status.pop("observedGeneration", None)
    return status


def end_state(cluster: Cluster, namespace: str) -> dict[str, Manifest]:
    """Return the essence of all children and what is told of each resource, by kind and name."""
    state = {f"{kind} {name}": essence(each) for (kind, name), each in children(cluster, namespace).items()}
    return state | {f"status of {name}": told(each) for (_, name), each in resources(cluster, namespace).items()}


def volumes_of(deployment: Manifest) -> list[Manifest]:
    """Return the volumes of a Deployment's Pods."""
    found: list[Manifest] = deployment["spec"]["template"]["spec"]["volumes"]
    return found


def problems(cluster: Cluster, namespace: str) -> list[str]:
    """Return why a namespace has not settled yet: who is not served as its spec says, and what nobody owns or needs."""
    owners, there = resources(cluster, namespace), children(cluster, namespace)
    volumes = [volume for each in there.values() if each["kind"] == "Deployment" for volume in volumes_of(each)]
    mounted = {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}
    found = [problem for each in owners.values() for problem in _unserved(each)]
    uids = {each["metadata"]["uid"] for each in owners.values()}
    for (kind, name), each in there.items():
        if kind == "ConfigMap" and "-config-" in name and name not in mounted:
            found.append(f"ConfigMap {name} has settings that no Deployment has any more")
        if not {reference["uid"] for reference in each["metadata"].get("ownerReferences", ())} <= uids:
            found.append(f"{kind} {name} belongs to a resource that is gone")
        if kind == "Deployment" and each["status"].get("observedGeneration") != each["metadata"]["generation"]:
            found.append(f"Deployment {name} is not rolled out")
    found += [f"Pod {name} ends" for (_, name), each in pods(cluster, namespace).items() if _ends(each)]
    return found


def wait_until_settled(cluster: Cluster, namespace: str, seconds: float = SETTLE_SECONDS) -> None:
    """Wait until all is served as the specs say; raise AssertionError with what is not."""
    wait_until_none(lambda: problems(cluster, namespace), seconds)


def wait_until_gone(cluster: Cluster, namespace: str, seconds: float = SETTLE_SECONDS) -> None:
    """Wait until no child and no Pod is left."""
    left: Callable[[], list[Any]] = lambda: [*children(cluster, namespace), *pods(cluster, namespace)]  # noqa: E731
    wait_until_none(left, seconds)


def wait_until_none(look: Callable[[], list[Any]], seconds: float = SETTLE_SECONDS) -> None:
    """Look again and again until nothing is found; raise AssertionError with what is found in the end."""
    deadline = time.monotonic() + seconds
    while found := look():
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def check_digests(secrets: Mapping[Name, Manifest]) -> None:
    """Assert that the Pods are told the digest of each key that the owner reads."""
    for (_, name), each in secrets.items():
        if not name.endswith("-keys"):
            continue
        digests = secrets["Secret", name.removesuffix("-keys") + "-key-digests"]
        known = json.loads(base64.b64decode(digests["data"]["digests.json"]))
        live = {key["name"]: key["sha256"] for key in known["keys"] if "revoked" not in key}
        values = {key: base64.b64decode(value) for key, value in each["data"].items()}
        assert live == {key: hashlib.sha256(value).hexdigest() for key, value in values.items()}


def _unserved(resource: Manifest) -> list[str]:
    name, status = resource["metadata"]["name"], resource.get("status", {})
    if status.get("observedGeneration") != resource["metadata"]["generation"]:
        return [f"{name} was not looked at since it changed"]
    if status.get("state") not in ("Serving", "Stopped"):
        return [f"{name} is {status.get('state')}"]
    wanted = resource["spec"].get("execution", {}).get("instances", 1)
    if status["state"] == "Serving" and status.get("readyInstances") != wanted:
        return [f"{name} has {status.get('readyInstances')} instances of {wanted}"]
    return []


def _ends(pod: Manifest) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _get(cluster: Cluster, namespace: str, *what: str) -> dict[Name, Manifest]:
    found = json.loads(cluster.kubectl("get", *what, "-n", namespace, "-o", "json"))["items"]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}
