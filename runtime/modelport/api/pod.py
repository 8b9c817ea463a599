"""`spec.execution.resources` and `.pod`: what goes into the Pods as Kubernetes has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from modelport.api.frozen import Frozen, Rule
from modelport.api.scalars import DnsName, EnvName, LabelKey, ListMap, Quantity

_LabelValue = Annotated[str, Field(max_length=63)]
_Labels = Annotated[Mapping[str, _LabelValue], Field(max_length=64)]
_Quantities = Annotated[Mapping[str, Quantity], Field(max_length=16)]
_Passthrough = Annotated[Mapping[str, JsonValue], Field(max_length=64)]


class Resources(Frozen):
    """Requests and limits of a container."""

    requests: _Quantities = Field(default_factory=dict)
    """What is set aside for the container, such as `cpu: 2` and `memory: 4Gi`."""
    limits: _Quantities = Field(default_factory=dict)
    """What the container may use at most."""


class Toleration(Frozen):
    """A taint that the Pods put up with."""

    key: LabelKey | None = None
    """Key of the taint. Absent: every key, with operator Exists."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Equal compares the value too."""
    value: _LabelValue | None = None
    """Value of the taint, with operator Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint. Absent: every effect."""
    toleration_seconds: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = None
    """Seconds that a Pod stays on a node with effect NoExecute. Absent: for ever."""

    rules = (
        Rule("self.operator != 'Exists' || !has(self.value)", "value goes with operator Equal alone", ".value"),
        Rule("self.operator != 'Equal' || has(self.key)", "operator Equal needs a key", ".key"),
        Rule(
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "tolerationSeconds goes with effect NoExecute alone",
            ".tolerationSeconds",
        ),
    )


class EnvVar(Frozen):
    """A variable of Triton's environment."""

    name: EnvName
    """Name of the variable."""
    value: Annotated[str, Field(max_length=32768)] | None = None
    """Value of the variable."""
    value_from: _Passthrough | None = None
    """Where the value comes from, as in a Pod: `secretKeyRef`, `configMapKeyRef` …"""

    rules = (Rule("has(self.value) != has(self.valueFrom)", "one of value and valueFrom is needed, and only one"),)


class ImagePullSecret(Frozen):
    """A Secret for pulling images."""

    name: DnsName
    """Name of the Secret."""


class PodOverrides(Frozen):
    """What the cluster needs to know of the Pods."""

    node_selector: _Labels = Field(default_factory=dict)
    """Labels that the node must have."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=64)] = ()
    """Taints that the Pods put up with."""
    affinity: _Passthrough | None = None
    """Affinity as in a Pod."""
    topology_spread_constraints: Annotated[tuple[_Passthrough, ...], Field(max_length=16)] = ()
    """Spread over zones and nodes as in a Pod; the selector is filled in where there is none."""
    priority_class_name: DnsName | None = None
    """Priority class of the Pods."""
    runtime_class_name: DnsName | None = None
    """Runtime class of the Pods, such as nvidia."""
    scheduler_name: DnsName | None = None
    """Scheduler of the Pods. Absent: the cluster's default."""
    service_account_name: DnsName | None = None
    """Service account of the Pods, for clouds that give identities by it. Absent: default. Its token is not mounted."""
    image_pull_secrets: Annotated[tuple[ImagePullSecret, ...], Field(max_length=16), ListMap("name")] = ()
    """Secrets for pulling images."""
    labels: _Labels = Field(default_factory=dict)
    """Further labels of the Pods."""
    annotations: Annotated[Mapping[str, Annotated[str, Field(max_length=32768)]], Field(max_length=64)] = Field(
        default_factory=dict
    )
    """Further annotations of the Pods."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=128), ListMap("name")] = ()
    """Further variables of Triton's environment."""
    shared_memory: Quantity | None = None
    """Size of /dev/shm, which counts as memory. Absent: enough for the copies of the model."""
