"""The command lines of the servers. Everything they read and write lies in one folder."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def etcd_flags(folder: Path) -> list[str]:
    """Return the flags of etcd. Clients come to a socket in the folder, so it needs neither port nor password."""
    return [
        f"--data-dir={folder}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls=unix://{folder}/etcd.sock",
        "--advertise-client-urls=http://127.0.0.1:0",  # to other members; there are none
        "--listen-peer-urls=http://127.0.0.1:0",
        "--log-level=warn",
    ]


def api_server_flags(folder: Path, port: int) -> list[str]:
    """Return the flags of the API server. It signs its own certificate, `apiserver.crt`, and shares a held port."""
    return [
        f"--etcd-servers=unix://{folder}/etcd.sock",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        "--permit-port-sharing",
        f"--cert-dir={folder}",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder}/service-accounts.key",
        f"--service-account-signing-key-file={folder}/service-accounts.key",
        f"--audit-policy-file={HERE}/audit.yaml",
        f"--audit-log-path={folder}/audit.log",
        "--audit-log-mode=blocking",  # what has been answered stands there
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",  # it would publish its own address, which may not be a loopback one
        "--profiling=false",
    ]


def controllers_flags(folder: Path) -> list[str]:
    """Return the flags of the controller manager, which takes seconds for what takes it minutes in production."""
    return [
        f"--kubeconfig={folder}/controllers.kubeconfig",
        "--secure-port=0",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={folder}/service-accounts.key",
        f"--root-ca-file={folder}/apiserver.crt",
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--horizontal-pod-autoscaler-downscale-stabilization=10s",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
    ]


def scheduler_flags(folder: Path) -> list[str]:
    """Return the flags of the scheduler."""
    return [
        f"--kubeconfig={folder}/scheduler.kubeconfig",
        "--secure-port=0",
        "--leader-elect=false",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
    ]


def kwok_flags(folder: Path) -> list[str]:
    """Return the flags of kwok, which keeps every node alive and every Pod on them running."""
    return [
        f"--kubeconfig={folder}/kwok.kubeconfig",
        f"--config={HERE}/stages.yaml",
        "--manage-all-nodes",
        "--node-lease-duration-seconds=40",
        "--node-port=0",
    ]
