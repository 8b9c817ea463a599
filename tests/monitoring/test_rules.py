"""promtool's unit tests of the rules, and that there are some for each."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.monitoring

RULES = sorted((Path(__file__).parents[2] / "charts/modelport/rules").glob("*.yaml"))
TESTS = Path(__file__).parent / "rules"


def promtool(*arguments: object) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=RULES, ids=lambda path: path.stem)
def rules(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_are_sound(rules: Path) -> None:
    promtool("check", "rules", rules)


def test_do_what_they_should(rules: Path) -> None:
    promtool("test", "rules", TESTS / rules.name)


def test_each_is_tried_both_ways(rules: Path) -> None:
    written: list[Any] = [rule for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]]
    tests: list[Any] = yaml.safe_load((TESTS / rules.name).read_text())["tests"]
    alerts = [each for test in tests for each in test.get("alert_rule_test", [])]
    asked = {each["expr"] for test in tests for each in test.get("promql_expr_test", []) if each["exp_samples"]}
    names = {rule["alert"] for rule in written if "alert" in rule}
    assert {each["alertname"] for each in alerts if each["exp_alerts"]} == names, "one that is never seen to fire"
    assert {each["alertname"] for each in alerts if not each["exp_alerts"]} == names, "one that is never seen silent"
    assert {rule["record"] for rule in written if "record" in rule} == asked
