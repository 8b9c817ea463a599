"""The chart on a real cluster."""

from __future__ import annotations

from collections.abc import Callable

from real_cluster.kubectl import Kube, eventually


def test_it_works_when_helm_returns(notes: str, helm: Callable[..., str], system: Kube) -> None:
    assert "kubectl -n modelport rollout status deployment/modelport-operator" in notes
    system("rollout", "status", "deployment/modelport-operator", "--timeout=1s")
    assert "Phase:          Succeeded" in helm("test")


def test_one_of_two_operators_works(notes: str, system: Kube) -> None:
    eventually(lambda: system("get", "lease", "-o", "jsonpath={..holderIdentity}"), 30)
    holder = system("get", "lease", "-o", "jsonpath={..holderIdentity}")
    pods = [pod["metadata"]["name"] for pod in system.get("pods")["items"]]
    assert len(pods) == 2
    assert any(holder.startswith(pod) for pod in pods)
