"""PublishedModels of one namespace, as a test applies and watches them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from kubernetes import client

from modelport_operator.names import INSTANCE, MANAGED_BY
from modelport_operator.resources import CHILDREN, EVENT, POD, PUBLISHED_MODEL, SECRET, Kind, Manifest

T = TypeVar("T")
SECONDS = 60.0
MERGE = "application/merge-patch+json"
Spec = dict[str, Any]


def eventually(what: Callable[[], T], wanted: Callable[[T], object] = bool, *, seconds: float = SECONDS) -> T:
    """Ask until the answer is as wanted; fail with the last one."""
    deadline = time.monotonic() + seconds
    while not wanted(answer := what()):
        if time.monotonic() > deadline:
            pytest.fail(f"after {seconds} s it is still {answer!r}")
        time.sleep(0.05)
    return answer


def quiet_since(writes: Callable[[], list[str]], seconds: float = 2.0) -> int:
    """Wait until nothing has been written for a while; return how much was written till then."""
    count = -1
    while count != (count := len(writes())):
        time.sleep(seconds)
    return count


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> Spec:
    """Return `base` with a change merged into it; None removes, as in a merge patch."""
    result = dict(base)
    for name, value in change.items():
        below = result.get(name)
        result[name] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return {name: value for name, value in result.items() if value is not None}


@dataclass(frozen=True)
class Models:
    """The resources of one namespace and all that belongs to them."""

    api: client.ApiClient
    namespace: str

    def call(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """Call the API server; raises kubernetes' ApiException."""
        headers = {"Accept": "application/json", "Content-Type": content_type}
        self.api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        response = self.api.call_api(method, self.api.configuration.host + path, headers, body)
        content = response.read()
        if response.status >= 400:
            raise client.ApiException(status=response.status, reason=content.decode())
        return json.loads(content)

    def read(self, kind: Kind, name: str) -> Manifest | None:
        """Return an object, if there is one."""
        try:
            found: Manifest = self.call("GET", kind.path(self.namespace, name))
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise
        return found

    def there(self, kind: Kind, name: str) -> Manifest:
        """Return an object, which may be on its way."""
        found = eventually(lambda: self.read(kind, name))
        assert found is not None
        return found

    def create(self, kind: Kind, name: str, **parts: Any) -> Manifest:
        """Create an object; `metadata` is completed."""
        metadata = {**parts.pop("metadata", {}), "name": name}
        body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **parts}
        made: Manifest = self.call("POST", kind.path(self.namespace), body)
        return made

    def publish(self, name: str = "cups", spec: Spec | None = None, **metadata: Any) -> Manifest:
        """Create a resource: the smallest one with a change of its spec."""
        smallest = {"model": {"format": "ONNX", "source": {"uri": "s3://models/cups/"}}}
        return self.create(PUBLISHED_MODEL, name, metadata=metadata, spec=merged(smallest, spec or {}))

    def edit(self, name: str, spec: Spec | None = None, *, kind: Kind = PUBLISHED_MODEL, **parts: Any) -> Manifest:
        """Merge a change into an object."""
        body = parts | ({"spec": spec} if spec is not None else {})
        edited: Manifest = self.call("PATCH", kind.path(self.namespace, name), body, MERGE)
        return edited

    def set_status(self, kind: Kind, name: str, status: Manifest) -> None:
        """Merge a change into an object's status, as its own controller would."""
        self.call("PATCH", kind.path(self.namespace, name, "status"), {"status": status}, MERGE)

    def delete(self, name: str, kind: Kind = PUBLISHED_MODEL) -> None:
        """Delete an object."""
        self.call("DELETE", kind.path(self.namespace, name))

    def status(self, name: str = "cups") -> Manifest:
        """Return a resource's status; empty where there is none."""
        return (self.read(PUBLISHED_MODEL, name) or {}).get("status", {})

    def conditions(self, name: str = "cups") -> dict[str, str]:
        """Return each condition as `STATUS REASON`."""
        return {each["type"]: f"{each['status']} {each['reason']}" for each in self.status(name).get("conditions", ())}

    def message(self, condition: str, name: str = "cups") -> str:
        """Return the message of a condition."""
        told = {each["type"]: each["message"] for each in self.status(name).get("conditions", ())}
        return str(told[condition])

    def wait(self, name: str = "cups", **conditions: str) -> Manifest:
        """Wait until conditions are as said, such as `Ready="True Serving"`; return the status."""
        eventually(lambda: self.conditions(name), lambda now: conditions.items() <= now.items())
        return self.status(name)

    def settled(self, name: str = "cups") -> Manifest:
        """Wait until the spec of now has been rolled out; return the resource."""

        def standing() -> tuple[Any, ...]:
            resource = self.there(PUBLISHED_MODEL, name)
            seen = resource.get("status", {}).get("observedGeneration")
            return seen == resource["metadata"]["generation"], self.conditions(name).get("Progressing")

        eventually(standing, lambda now: now == (True, "False Complete"))
        return self.there(PUBLISHED_MODEL, name)

    def children(self, name: str = "cups") -> dict[str, Manifest]:
        """Return what bears the labels of a resource's children, by `KIND NAME`; Pods are not among it."""
        found = {}
        for kind in (*CHILDREN, SECRET):
            if not kind.optional:
                chosen = f"?labelSelector={MANAGED_BY}%3Dmodelport,{INSTANCE}%3D{name}"
                for each in self.call("GET", kind.path(self.namespace) + chosen)["items"]:
                    found[f"{kind.name} {each['metadata']['name']}"] = {"kind": kind.name, **each}
        return found

    def pods(self, name: str = "cups") -> list[Manifest]:
        """Return a resource's Pods that are not on their way out."""
        found = self.call("GET", f"{POD.path(self.namespace)}?labelSelector={INSTANCE}%3D{name}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def events(self, name: str = "cups") -> list[str]:
        """Return the Events of a resource as `TYPE REASON MESSAGE`, the eldest first."""
        chosen = f"?fieldSelector=involvedObject.name%3D{name},involvedObject.kind%3D{PUBLISHED_MODEL.name}"
        found = self.call("GET", EVENT.path(self.namespace) + chosen)["items"]
        found.sort(key=lambda each: int(each["metadata"]["resourceVersion"]))
        return [f"{each['type']} {each['reason']} {each['message']}" for each in found]
