"""Whether an object of the cluster already is what was wanted."""

from __future__ import annotations

from typing import Any

import pytest

from modelport_operator.drift import holds, stamp
from modelport_operator.names import APPLIED


@pytest.mark.parametrize(
    ("live", "wanted", "same"),
    [
        pytest.param({"a": 1, "b": 2}, {"a": 1}, True, id="what the server adds is its own"),
        pytest.param({"a": 1}, {"a": 2}, False, id="another value"),
        pytest.param({"a": True}, {"a": 1}, False, id="true is no number"),
        pytest.param({"a": "1"}, {"a": 1}, False, id="a text is no number"),
        pytest.param({}, {"a": "x"}, False, id="a field that is missing"),
        pytest.param({}, {"a": "", "b": [], "c": {}, "d": 0, "e": False}, True, id="what is empty is left out"),
        pytest.param({"cpu": "1"}, {"cpu": "1000m"}, True, id="one quantity, written two ways"),
        pytest.param({"memory": "2Gi"}, {"memory": "2048Mi"}, True, id="so with memory"),
        pytest.param({"cpu": "1"}, {"cpu": "1001m"}, False, id="another quantity"),
        pytest.param({"a": "abc"}, {"a": "abd"}, False, id="texts that are no quantities"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, False, id="a plain list has an order"),
        pytest.param({"a": [1, 2]}, {"a": [1]}, False, id="a plain list has no room for others"),
        pytest.param(
            {"env": [{"name": "B"}, {"name": "A", "value": "1"}]},
            {"env": [{"name": "A", "value": "1"}]},
            True,
            id="entries with a name are found by it",
        ),
        pytest.param(
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "A", "value": "2"}]},
            False,
            id="and compared by it",
        ),
        pytest.param({"env": [{"name": "B"}]}, {"env": [{"name": "A"}]}, False, id="an entry that is missing"),
        pytest.param({"a": None}, {"a": {"b": 1}}, False, id="nothing where an object was wanted"),
    ],
)
def test_what_holds(live: Any, wanted: Any, same: bool) -> None:
    assert holds(live, wanted) is same


def test_a_stamp_tells_one_manifest_from_another() -> None:
    first, again, other = (
        stamp({"metadata": {"name": "a", "annotations": {"b": "c"}}, "spec": spec}) for spec in ({"x": 1}, {"x": 1}, {})
    )
    assert first == again
    assert first["metadata"]["annotations"].keys() == {"b", APPLIED}
    assert first["metadata"]["annotations"][APPLIED] != other["metadata"]["annotations"][APPLIED]
