"""What one operator process is told, once, at its start."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Config:
    """One operator, as its flags and environment have it; made in `__main__` and passed down."""

    runtime_image: str
    """Image of fetch, gateway and schedule Jobs: the operator's own, as a rule."""
    triton_image: str
    """Image of Triton, unless a resource names its own."""
    namespaces: tuple[str, ...] = ()
    """Namespaces whose resources are reconciled. Empty: all of the cluster."""
    own_namespace: str = "modelport"
    """Where the operator runs, and its Lease lies."""
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    """Secrets for pulling the images above; they must be in each model's namespace."""
    shared_host: str = ""
    """Host of the models whose ingress names none; empty: such an ingress is refused by a condition."""
    ingress_class: str = ""
    """Class of the ingresses that name none; empty: the cluster's default."""
    network_policies: bool = True
    """Makes a NetworkPolicy for each model."""
    monitoring_namespace: str = ""
    """Namespace whose Pods may scrape the metrics port, besides the model's own; empty: all namespaces."""
    prometheus_address: str = "http://prometheus-operated.monitoring.svc:9090"
    """Where KEDA's triggers ask."""
    resync_seconds: float = 600.0
    """Between two full lists, which find what a broken watch has missed."""
    own_keys_seconds: float = 60.0
    """Between two looks at Secrets of users' own keys, which no watch follows."""
    workers: int = 16
    """Resources that are reconciled at a time."""
    health_port: int = 8081
    """Port of /healthz, /readyz and /metrics."""
    leader_election: bool = True
    """Works only while holding the Lease. Off: for one process on a desk."""
    lease_seconds: float = 15.0
    """How long a Lease holds without being renewed."""
