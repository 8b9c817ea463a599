"""A Prometheus in the cluster, told by ServiceMonitors and PrometheusRules as the Prometheus Operator tells its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from real_cluster.kubectl import Kube, Object
from watched.prometheus import Prometheus

NAMESPACE = "monitoring"
MANIFEST = Path(__file__).parent / "prometheus.yaml"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
KINDS = {"ServiceMonitor": "servicemonitors", "PrometheusRule": "prometheusrules"}
KUBELET: Object = {
    "job_name": "kubelet",
    "scheme": "https",
    "metrics_path": "/metrics/resource",
    "honor_labels": True,
    "authorization": {"credentials_file": f"{TOKEN}/token"},
    "tls_config": {"insecure_skip_verify": True},  # a kubelet signs its own certificate
    "kubernetes_sd_configs": [{"role": "node"}],
}


def definition(kind: str) -> Object:
    """Return the definition of one of the Prometheus Operator's kinds, as far as the API server needs one."""
    plural, group = KINDS[kind], "monitoring.coreos.com"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def scrape_configs(monitor: Object) -> Iterator[Object]:
    """Yield what the Prometheus Operator makes of a ServiceMonitor: one job for each endpoint of its Services."""
    namespace, name = monitor["metadata"]["namespace"], monitor["metadata"]["name"]
    for number, endpoint in enumerate(monitor["spec"]["endpoints"]):
        rules = [
            keep(f"__meta_kubernetes_service_label_{re.sub(r'[^a-zA-Z0-9_]', '_', label)}", value)
            for label, value in monitor["spec"]["selector"]["matchLabels"].items()
        ]
        rules.append(keep("__meta_kubernetes_endpointslice_port_name", endpoint["port"]))
        rules += [
            {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target}
            for source, target in (
                ("namespace", "namespace"),
                ("service_name", "service"),
                ("service_name", "job"),
                ("pod_name", "pod"),
                ("pod_container_name", "container"),
            )
        ]
        yield {
            "job_name": f"serviceMonitor/{namespace}/{name}/{number}",
            "metrics_path": endpoint["path"],
            "scrape_interval": endpoint["interval"],
            "honor_labels": endpoint.get("honorLabels", False),
            "kubernetes_sd_configs": [{"role": "endpointslice", "namespaces": {"names": [namespace]}}],
            "relabel_configs": [*rules, {"target_label": "endpoint", "replacement": endpoint["port"]}],
        }


def keep(label: str, value: str) -> Object:
    return {"source_labels": [label], "regex": re.escape(value), "action": "keep"}


@contextmanager
def run_prometheus(image: str, monitors: Iterable[Object], rules: Iterable[Object]) -> Iterator[Prometheus]:
    """Start Prometheus, and take it away afterwards."""
    config = {
        "global": {"scrape_interval": "15s", "evaluation_interval": "5s"},
        "rule_files": ["/etc/prometheus/rules-*.yml"],
        "scrape_configs": [KUBELET, *(each for monitor in monitors for each in scrape_configs(monitor))],
    }
    files = {f"rules-{rule['metadata']['name']}.yml": yaml.safe_dump(rule["spec"]) for rule in rules}
    files["prometheus.yml"] = yaml.safe_dump(config)
    name = f"prometheus-{hashlib.sha256(yaml.safe_dump(files).encode()).hexdigest()[:10]}"
    kube = Kube(NAMESPACE)
    manifest = MANIFEST.read_text().replace("IMAGE", image).replace("CONFIG", name)
    try:
        kube("apply", "--server-side", "-f", "-", stdin=manifest)
        kube.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": files})
        kube("rollout", "status", "deployment/prometheus", "--timeout=120s", seconds=130)
        with kube.forwarded("service/prometheus", 9090) as url:
            yield Prometheus(url)
    finally:
        kube("delete", "-f", "-", "--ignore-not-found", stdin=manifest)
