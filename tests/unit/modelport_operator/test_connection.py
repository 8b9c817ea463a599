"""Where the API server is found, and that nothing is sent to it by one who may not work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import incluster_config
from prometheus_client import CollectorRegistry

from modelport_operator.api_server import ApiError, ApiServer
from modelport_operator.connection import NotConnected, build_client, find_api_server, kopf_login
from modelport_operator.metrics import Metrics

ELSEWHERE = {
    "clusters": [{"name": "c", "cluster": {"server": "https://k.example.com:6443", "insecure-skip-tls-verify": True}}],
    "users": [{"name": "u", "user": {"token": "t0k3n"}}],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    "current-context": "x",
}


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def write(text: str) -> None:
        (tmp_path / "config").write_text(text)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))

    return write


async def test_a_kubeconfig_that_is_named_wins_over_the_pods_account(
    kubeconfig: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    kubeconfig(yaml.safe_dump(ELSEWHERE))
    login = await kopf_login(await find_api_server())
    assert (login.server, login.insecure, login.scheme, login.token) == (
        "https://k.example.com:6443",
        True,
        "Bearer",
        "t0k3n",
    )


async def test_the_account_of_the_pod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name in ("token", "cert"):
        (tmp_path / name).write_text(f"the {name}".replace(" ", "-"))
        monkeypatch.setattr(incluster_config, f"SERVICE_{name.upper()}_FILENAME", str(tmp_path / name))
    login = await kopf_login(await find_api_server())
    assert (login.server, login.token, login.ca_path) == ("https://[fd00::1]:443", "the-token", str(tmp_path / "cert"))
    assert login.scheme is not None
    assert login.scheme.lower() == "bearer"


async def test_a_pod_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(
        NotConnected, match="no way to an API server by the Pod's service account: Service token file does not exist"
    ):
        await find_api_server()


UNUSABLE = {"no YAML": "foo: [", "no kubeconfig": "foo: 1", "an empty file": "", "no mapping": "- a"}


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_a_kubeconfig_that_cannot_be_used(kubeconfig: Callable[[str], None], text: str) -> None:
    kubeconfig(text)
    with pytest.raises(NotConnected, match=r"^no way to an API server by /.*/config: .+$"):
        await find_api_server()


@pytest.fixture
async def seen() -> list[str]:
    return []


@pytest.fixture
async def url(seen: list[str]) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        seen.append(request.method)
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_nothing_is_sent_while_it_may_not_be(url: str, seen: list[str]) -> None:
    may = False
    async with build_client(Configuration(host=url), lambda: may) as client:
        server = ApiServer(client, Metrics(CollectorRegistry()))
        with pytest.raises(ApiError, match="does not hold the Lease"):
            await server.call("GET", "/a")  # over a new connection
        may = True
        await server.call("PATCH", "/a", {})
        may = False
        with pytest.raises(ApiError, match="does not hold the Lease"):
            await server.call("PATCH", "/a", {})  # over the one that is open
    assert seen == ["PATCH"]


async def test_the_lease_itself_is_asked_for_by_a_client_that_nothing_holds_back(url: str, seen: list[str]) -> None:
    async with build_client(Configuration(host=url)) as client:
        await ApiServer(client, Metrics(CollectorRegistry())).call("GET", "/a")
    assert seen == ["GET"]
