"""A Kubernetes of our own: real etcd, API server, controller manager and scheduler, and a node that kwok pretends.

Everything lies in one folder and on loopback. Its certificate and its tokens are new each time, so that its kubeconfig
opens this cluster and no other one.
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from control_plane.flags import api_server_flags, controllers_flags, etcd_flags, kwok_flags, scheduler_flags
from control_plane.server import Server
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

START_SECONDS = 60.0
NODE = Path(__file__).parent / "node.yaml"
FIRST_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
"""The controller manager makes it when it works; without it no Pod can be created."""

USERS = {
    "admin": ("admin", "system:masters"),
    "controllers": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "kwok": ("kwok", "system:masters"),
    "operator": ("operator", "system:masters"),
}
"""Who may log in: the name of the kubeconfig, the user and the group."""


class KubectlFailed(Exception):
    """kubectl ended with an error; the message holds its command and what it said."""


@dataclass(frozen=True)
class Cluster:
    """A running control plane."""

    url: str
    folder: Path
    """Holds the kubeconfigs and the servers' logs."""
    programs: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.folder / "admin.kubeconfig"

    def kubectl(self, *arguments: object, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return what it prints; nothing of the user's is read or written.

        Raises KubectlFailed with what it said.
        """
        # Without a cache it knows every kind at once that a test defines.
        program = [self.programs / "kubectl", f"--kubeconfig={self.kubeconfig}", "--cache-dir=/dev/null"]
        command = [str(part) for part in (*program, *arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def audit(self, namespace: str) -> list[dict[str, Any]]:
        """Return the API server's word of every write in a namespace, in the order of their ends."""
        lines = (self.folder / "audit.log").read_text().splitlines()
        return [json.loads(line) for line in lines if f'"namespace":"{namespace}"' in line]

    def writes(self, user: str, namespace: str) -> list[str]:
        """Return what a user has written in a namespace, the eldest first: `VERB PLURAL[/SUBRESOURCE] NAME STATUS`."""
        return [
            f"{event['verb']} {describe(event['objectRef'])} {event['responseStatus']['code']}"
            for event in self.audit(namespace)
            if event["user"]["username"] == user
        ]

    def answers(self, path: str) -> bool:
        """Tell whether the API server answers `path` with success."""
        try:
            self.kubectl("get", "--raw", path)
        except KubectlFailed:
            return False
        return True


@contextmanager
def start_cluster(programs: Path, folder: Path, definitions: Sequence[Path] = ()) -> Iterator[Cluster]:
    """Start a control plane from the programs in one folder, with its state in another (empty) one; end it afterwards.

    The custom resources that `definitions` define are there from the beginning: objects of a kind that comes later are
    not collected with their owner until the controller manager has looked for new kinds, which is every 30 seconds.

    Raises ServerFailed with the last lines of the log of a server that does not start.
    """
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        cluster = Cluster(f"https://127.0.0.1:{port}", folder, programs)

        def start(program: str, *flags: str) -> Server:
            server = Server.start(programs / program, *flags, log=folder / f"{program}.log")
            stack.callback(server.stop)
            return server

        write_service_account_key(folder / "service-accounts.key")
        write_logins(folder, cluster.url)
        etcd = start("etcd", *etcd_flags(folder))
        etcd.wait_until((folder / "etcd.sock").exists, seconds=START_SECONDS)
        api_server = start("kube-apiserver", *api_server_flags(folder, port))
        api_server.wait_until(partial(cluster.answers, "/readyz"), seconds=START_SECONDS)
        for definition in definitions:
            cluster.kubectl("apply", "--server-side", "-f", definition)
            api_server.wait_until(partial(cluster.answers, openapi_path(definition)), seconds=START_SECONDS)
        controllers = start("kube-controller-manager", *controllers_flags(folder))
        start("kube-scheduler", *scheduler_flags(folder))
        start("kwok", *kwok_flags(folder))
        controllers.wait_until(partial(cluster.answers, FIRST_ACCOUNT), seconds=START_SECONDS)
        cluster.kubectl("create", "-f", NODE)
        yield cluster


@contextmanager
def reserved_port() -> Iterator[int]:
    """Give a free port that nobody else is given meanwhile; who wants to listen on it sets SO_REUSEPORT."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def write_service_account_key(path: Path) -> None:
    """Write the key that signs the tokens of Pods."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.write_bytes(pem)


def write_logins(folder: Path, url: str) -> None:
    """Write `tokens.csv` for the API server, and for each user a kubeconfig with the token that is there."""
    rows = []
    for name, (user, group) in USERS.items():
        token = secrets.token_hex(16)
        rows.append(f'{token},{user},{name},"{group}"\n')
        trusted = {"server": url, "certificate-authority": f"{folder}/apiserver.crt"}
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": trusted}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
            "current-context": "test",
        }
        (folder / f"{name}.kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    (folder / "tokens.csv").write_text("".join(rows))


def describe(reference: dict[str, str]) -> str:
    """Return the object of a call as an audit event refers to it: kind, subresource and name."""
    parts = [reference["resource"], reference.get("subresource", "")]
    return f"{'/'.join(filter(None, parts))} {reference.get('name', '')}".strip()


def openapi_path(definition: Path) -> str:
    """Return where the API server describes a custom resource, once it serves it."""
    spec = yaml.safe_load(definition.read_text())["spec"]
    return f"/openapi/v3/apis/{spec['group']}/{spec['versions'][0]['name']}"
