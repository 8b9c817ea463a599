"""An API server that drops, delays and refuses calls, and watches that break: the end is always the right one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import yaml
from control_plane.cluster import Cluster
from end_state import check_digests, children, end_state, wait_until_gone, wait_until_none, wait_until_settled
from faulty_proxy import RETRY_AFTER_SECONDS, Fault, Faults, FaultyProxy, WatchFault, faulty_proxy, no_faults
from killable_operator import KillableOperator
from running_operator import operator_config

from modelport_operator.resources import PUBLISHED_MODEL, WATCHED

SEEDS = (1, 2)
SHARES = {
    Fault.DROPPED: 0.03,
    Fault.LOST: 0.03,
    Fault.CUT: 0.02,
    Fault.LATE: 0.03,
    Fault.CONFLICT: 0.03,
    Fault.BUSY: 0.01,
    Fault.BROKEN: 0.03,
    Fault.AWAY: 0.02,
}
"""One call in five goes wrong, so that of the looks at a resource the smaller part comes to its end."""
NEVER = 86_400.0
"""Seconds between two resyncs, where something else must heal."""

Operate = Callable[..., KillableOperator]


@pytest.fixture
def proxy(cluster: Cluster) -> Iterator[FaultyProxy]:
    with faulty_proxy(cluster) as proxy:
        yield proxy


@pytest.fixture
def operate(proxy: FaultyProxy, cluster: Cluster, namespace: str, crd: str) -> Iterator[Operate]:
    """Give a function that runs an operator behind the proxy, or beside it, and waits until it watches."""
    with ExitStack() as stack:

        def run(resync_seconds: float) -> KillableOperator:
            config = operator_config(namespace, resync_seconds=resync_seconds, leader_election=False, health_port=0)
            login = proxy.front.folder / "operator.kubeconfig"
            operator = stack.enter_context(KillableOperator(config, login, cluster.folder / f"{namespace}.log"))
            wait_until_watched(proxy)
            return operator

        yield run


def model(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "modelport.io/v1alpha1",
        "kind": "PublishedModel",
        "metadata": {"name": name},
        "spec": {"model": {"format": "ONNX", "source": {"uri": f"s3://models/{name}/"}}, **spec},
    }


def apply(cluster: Cluster, namespace: str, *manifests: dict[str, Any]) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(manifests))


def wait_until_watched(proxy: FaultyProxy) -> None:
    kinds = [each for each in (PUBLISHED_MODEL, *WATCHED) if not each.optional]
    wait_until_none(lambda: ["too few watches"] if proxy.watches < len(kinds) else [])


FIRST = (
    model("cups", access={"keys": [{"name": "shop"}, {"name": "office"}]}),
    model("bowls", execution={"instances": 2}),
    model("plates", access={"anonymous": True}),
    model("spoons"),
)
LAST = (
    model("cups", access={"keys": [{"name": "office"}, {"name": "truck"}]}, execution={"instances": 2}),
    model("bowls", execution={"instances": 1, "type": "Dedicated"}, model=FIRST[1]["spec"]["model"] | {"name": "deep"}),
    model("plates", access={"ingress": {"host": "plates.example.com"}}),
    model("forks"),
)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_end_is_the_same_as_without_faults(
    operate: Operate, proxy: FaultyProxy, cluster: Cluster, namespace: str, seed: int
) -> None:
    operate(resync_seconds=5.0)
    draw = random.Random(seed)
    proxy.choose = Faults(seed, SHARES)
    apply(cluster, namespace, *FIRST)
    for _ in range(8):
        time.sleep(draw.uniform(0.1, 0.6))
        proxy.disturb_watches(draw.choice((WatchFault.CUT, WatchFault.GONE)))
    apply(cluster, namespace, *LAST)
    cluster.kubectl("delete", "pm", "spoons", "-n", namespace)
    wait_until_settled(cluster, namespace)
    assert sum(proxy.seen[fault] for fault in SHARES) > 20
    found = end_state(cluster, namespace)
    check_digests(children(cluster, namespace))

    proxy.choose = no_faults
    cluster.kubectl("delete", "pm", "--all", "-n", namespace)
    wait_until_gone(cluster, namespace)
    apply(cluster, namespace, *LAST)
    wait_until_settled(cluster, namespace)
    assert found == end_state(cluster, namespace)


@pytest.mark.parametrize(
    ("fault", "waits", "resync_seconds"),
    [
        pytest.param(WatchFault.CUT, False, NEVER, id="a watch that is cut goes on where it was, and misses nothing"),
        pytest.param(WatchFault.GONE, True, NEVER, id="a watch that is too old lists anew and goes on"),
        pytest.param(WatchFault.GONE, False, 2.0, id="what is deleted before it goes on is found by the resync"),
        pytest.param(WatchFault.SILENT, False, 2.0, id="what a silent watch does not tell is found by the resync"),
    ],
)
def test_a_broken_watch_heals(
    operate: Operate,
    proxy: FaultyProxy,
    cluster: Cluster,
    namespace: str,
    fault: WatchFault,
    waits: bool,
    resync_seconds: float,
) -> None:
    operator = operate(resync_seconds)
    apply(cluster, namespace, model("cups"))
    wait_until_settled(cluster, namespace)
    proxy.disturb_watches(fault)
    if waits:
        wait_until_watched(proxy)
    cluster.kubectl("delete", "service", "cups", "-n", namespace)
    apply(cluster, namespace, model("cups", execution={"instances": 2}))
    cluster.kubectl("wait", "--for=create", "service/cups", "-n", namespace, "--timeout=10s")
    wait_until_settled(cluster, namespace)
    assert operator.starts == 1


def test_a_busy_server_is_asked_again_when_it_said(
    operate: Operate, proxy: FaultyProxy, cluster: Cluster, namespace: str
) -> None:
    operate(resync_seconds=NEVER)
    proxy.choose = lambda method, path: None if method == "GET" else Fault.BUSY
    apply(cluster, namespace, model("cups"))
    wait_until_none(lambda: [] if proxy.seen[Fault.BUSY] else ["no call was refused"])
    time.sleep(3 * RETRY_AFTER_SECONDS)
    assert proxy.seen[Fault.BUSY] <= 4  # one call that is refused ends a look, and the next one waits
    proxy.choose = no_faults
    wait_until_settled(cluster, namespace, 10)


def test_a_server_that_was_away_finds_all_done_soon_after(
    operate: Operate, proxy: FaultyProxy, cluster: Cluster, namespace: str
) -> None:
    operator = operate(resync_seconds=NEVER)
    apply(cluster, namespace, model("cups"), model("bowls"))
    wait_until_settled(cluster, namespace)
    proxy.choose = lambda method, path: Fault.DROPPED
    proxy.disturb_watches(WatchFault.CUT)
    apply(cluster, namespace, model("cups", execution={"instances": 3}))
    cluster.kubectl("delete", "pm", "bowls", "-n", namespace)
    time.sleep(3)
    proxy.choose = no_faults
    wait_until_settled(cluster, namespace, 20)
    assert operator.starts == 1
