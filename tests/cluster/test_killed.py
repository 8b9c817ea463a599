"""An operator that is killed at any moment: the next one goes on from what stands in the cluster."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from control_plane.cluster import Cluster
from end_state import check_digests, children, end_state, keys, wait_until_gone, wait_until_settled
from killable_operator import KillableOperator
from running_operator import operator_config

SEED = 20_260
KILLS = 50
LONGEST_LIFE = 0.8
"""Seconds between two kills: a new process works after about a third of it, and is done before it ends."""
NAMES = ("bowls", "cups", "forks", "plates")

Change = Callable[[random.Random], dict[str, Any]]


def keys_change(draw: random.Random) -> dict[str, Any]:
    names = draw.sample(("office", "shop", "truck"), draw.randint(1, 3))
    return {"access": {"keys": [{"name": each} for each in sorted(names)]}}


CHANGES: tuple[Change, ...] = (
    keys_change,
    lambda draw: {"access": {"anonymous": True}},
    lambda draw: {"access": {"rateLimit": {"requestsPerSecond": draw.randint(1, 99)}}},
    lambda draw: {"access": {"ingress": {"host": f"h{draw.randint(1, 3)}.example.com"}}},
    lambda draw: {"execution": {"instances": draw.randint(1, 3)}},
    lambda draw: {"execution": {"resources": {"requests": {"cpu": f"{draw.randint(1, 9)}00m"}}}},
    lambda draw: {"execution": {"pod": {"env": [{"name": "COLOR", "value": str(draw.randint(1, 9))}]}}},
)


def build(name: str, draw: random.Random) -> dict[str, Any]:
    """Return a resource that differs from the default in a thing or two."""
    spec: dict[str, Any] = {"model": {"format": "ONNX", "source": {"uri": f"s3://models/{name}/"}}}
    for change in draw.sample(CHANGES, 2):
        spec |= change(draw)
    metadata = {"name": name}
    return {"apiVersion": "modelport.io/v1alpha1", "kind": "PublishedModel", "metadata": metadata, "spec": spec}


@pytest.mark.timeout(300)
def test_the_end_is_the_same_as_of_one_that_lives(cluster: Cluster, namespace: str, crd: str) -> None:
    draw = random.Random(SEED)
    config = operator_config(namespace, leader_election=False, health_port=0)
    wanted: dict[str, dict[str, Any]] = {}
    known: dict[tuple[str, str], str] = {}
    with KillableOperator(config, cluster.folder / "operator.kubeconfig", cluster.folder / "killed.log") as operator:
        for _ in range(KILLS):
            change_one(cluster, namespace, wanted, draw)
            time.sleep(draw.uniform(0, LONGEST_LIFE))
            operator.kill()
            assert_none_changed(known, keys(children(cluster, namespace).values()))
        wait_until_settled(cluster, namespace)
        assert_none_changed(known, keys(children(cluster, namespace).values()))
        check_digests(children(cluster, namespace))
        found = end_state(cluster, namespace)
        assert operator.starts > KILLS * 0.8

        cluster.kubectl("delete", "pm", "--all", "-n", namespace)
        wait_until_gone(cluster, namespace)
        cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=yaml.safe_dump_all(wanted.values()))
        wait_until_settled(cluster, namespace)
        assert found == end_state(cluster, namespace)


def change_one(cluster: Cluster, namespace: str, wanted: dict[str, dict[str, Any]], draw: random.Random) -> None:
    """Create, change, scale or delete a resource."""
    name = draw.choice(NAMES)
    if name in wanted and draw.random() < 0.2:
        del wanted[name]
        cluster.kubectl("delete", "pm", name, "-n", namespace)
    elif name in wanted and draw.random() < 0.2:
        count = draw.randint(1, 3)
        cluster.kubectl("scale", f"pm/{name}", f"--replicas={count}", "-n", namespace)
        wanted[name]["spec"].setdefault("execution", {})["instances"] = count
    else:
        wanted[name] = build(name, draw)
        there = cluster.kubectl("get", "pm", name, "-n", namespace, "--ignore-not-found")
        verb = "replace" if there else "create"
        cluster.kubectl(verb, "-n", namespace, "-f", "-", stdin=yaml.safe_dump(wanted[name]))


def assert_none_changed(known: dict[tuple[str, str], str], found: dict[tuple[str, str], str]) -> None:
    """Hold that a key of a resource keeps its value; one that was taken out may come back as another."""
    for key in known.keys() & found.keys():
        assert known[key] == found[key], f"{key} has another value"
    known.clear()
    known.update(found)
