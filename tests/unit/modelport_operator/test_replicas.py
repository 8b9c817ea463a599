"""How many Pods there shall be, and by whose word."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from modelport.api.execution import Autoscaling, Execution
from modelport_operator.replicas import decide_replicas, with_replicas

BETWEEN_2_AND_5 = Autoscaling(min_instances=2, max_instances=5, target=1)
FIXED, NONE_WANTED = Execution(instances=3), Execution(instances=0)
SCALED = Execution(instances=3, autoscaling=BETWEEN_2_AND_5)

CASES: dict[str, tuple[Execution, bool, int | None, int | None]] = {
    "a new model gets its instances": (FIXED, True, None, 3),
    "instances that are right stay": (FIXED, True, 3, None),
    "a stranger's number is put right": (FIXED, True, 5, 3),
    "the schedule opens": (FIXED, True, 0, 3),
    "the schedule closes": (FIXED, False, 3, 0),
    "a closed model stays at zero": (FIXED, False, 0, None),
    "a closed model that somebody scaled is stopped again": (FIXED, False, 1, 0),
    "a new model is closed at first": (FIXED, False, None, 0),
    "no instances are wanted": (NONE_WANTED, True, 1, 0),
    "no instances are wanted of a new model": (NONE_WANTED, True, None, 0),
    "no instances are wanted and the schedule opens": (NONE_WANTED, True, 0, None),
    "a new autoscaled model begins with the fewest": (SCALED, True, None, 2),
    "the schedule opens an autoscaled model with the fewest": (SCALED, True, 0, 2),
    "the schedule closes an autoscaled model": (SCALED, False, 4, 0),
    "an autoscaled model that is closed stays at zero": (SCALED, False, 0, None),
    "between the bounds it is the autoscaler's": (SCALED, True, 4, None),
    "the fewest that were raised are the autoscaler's to reach": (SCALED, True, 1, None),
    "the most that were lowered are the autoscaler's to reach": (SCALED, True, 9, None),
    "autoscaling that was taken out leaves instances": (FIXED, True, 5, 3),
    "autoscaling that was put in takes over as it stands": (SCALED, True, 3, None),
}


@pytest.mark.parametrize(("execution", "running", "current", "expected"), CASES.values(), ids=CASES)
def test_the_number(execution: Execution, running: bool, current: int | None, expected: int | None) -> None:
    assert decide_replicas(execution, running, current) == expected


def test_over_all_small_numbers_one_writing_is_enough_and_the_autoscaler_is_left_alone() -> None:
    for instances, scaled, running, current in product(range(4), (None, BETWEEN_2_AND_5), (True, False), range(8)):
        execution = Execution(instances=instances, autoscaling=scaled)
        wanted = decide_replicas(execution, running, current)
        after = current if wanted is None else wanted
        assert decide_replicas(execution, running, after) is None
        if not running:
            assert after == 0
        elif scaled is None:
            assert after == instances
        elif current:
            assert wanted is None
        else:
            assert after == scaled.min_instances


def live(replicas: int, **managers: str) -> dict[str, Any]:
    """Return a Deployment as the API server has it, with who owns what of its spec."""
    fields = [{"manager": manager, "fieldsV1": {"f:spec": {f"f:{field}": {}}}} for manager, field in managers.items()]
    return {"metadata": {"managedFields": fields}, "spec": {"replicas": replicas}}


HAND_OVER: dict[str, tuple[dict[str, Any] | None, int | None, int | None]] = {
    "a new Deployment begins with the number": (None, 3, 3),
    "a new Deployment with the API server's own number says nothing": (None, 1, None),
    "a number that nobody owns is left to /scale": (live(1), 3, None),
    "a new Deployment without a number has the API server's": (None, None, None),
    "an applied number stays until another owns it": (live(3, modelport="replicas"), None, 3),
    "an applied number is changed by us until then": (live(3, modelport="replicas"), 0, 0),
    "a number set by /scale is let go": (live(3, **{"modelport-scale": "replicas"}), 5, None),
    "so is an autoscaler's": (live(3, **{"kube-controller-manager": "replicas"}), None, None),
    "another's other fields do not count": (live(3, modelport="replicas", kubectl="paused"), None, 3),
}


@pytest.mark.parametrize(("standing", "wanted", "expected"), HAND_OVER.values(), ids=HAND_OVER)
def test_the_manifest_has_the_number_only_while_nobody_else_owns_it(
    standing: dict[str, Any] | None, wanted: int | None, expected: int | None
) -> None:
    manifest = {"kind": "Deployment", "spec": {"paused": False}}
    replicas = {} if expected is None else {"replicas": expected}
    assert with_replicas(manifest, standing, wanted) == {"kind": "Deployment", "spec": {"paused": False, **replicas}}
    assert manifest == {"kind": "Deployment", "spec": {"paused": False}}
