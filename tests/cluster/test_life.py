"""The life of a resource, as its owner sees it: applied, served, changed, scaled, deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from running_operator import RunningOperator

Kubectl = Callable[..., str]
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_becomes_ready(operator: RunningOperator, kubectl: Kubectl, namespace: str, example: Path) -> None:
    kubectl("apply", "-n", namespace, "-f", example)
    kubectl("wait", "--for=condition=Ready", "pm", "--all", "-n", namespace, "--timeout=20s")
    assert operator.controller.synced.is_set()
