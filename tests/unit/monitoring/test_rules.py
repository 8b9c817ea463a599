"""The rules as a reader and a pager see them; when they fire is for tests/monitoring to show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelport.gateway import errors

ROOT = Path(__file__).parents[3]
RULES: list[Any] = [
    rule
    for path in sorted((ROOT / "charts/modelport/rules").glob("*.yaml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
GUIDE = (ROOT / "docs/guides/monitoring.md").read_text()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
class TestAlert:
    def test_has_a_severity_a_summary_and_a_way_out(self, alert: Any) -> None:
        assert re.fullmatch(r"Modelport[A-Z]\w+", alert["alert"])
        assert alert["labels"]["severity"] in ("critical", "warning", "info")
        assert set(alert["annotations"]) == {"summary", "description"}
        assert alert["annotations"]["description"].endswith(".")

    def test_is_in_the_guide(self, alert: Any) -> None:
        assert f"| `{alert['alert']}` | {alert['labels']['severity']} |" in GUIDE


def test_the_guide_names_no_alert_that_there_is_not() -> None:
    assert set(re.findall(r"^\| `(Modelport\w+)`", GUIDE, re.MULTILINE)) == {alert["alert"] for alert in ALERTS}


def test_failed_requests_are_those_for_which_the_server_answers_and_no_plan() -> None:
    subclasses = [errors.GatewayError]
    for each in subclasses:
        subclasses += each.__subclasses__()
    ours = {each.reason for each in subclasses if each.status >= 500} - {errors.StoppedBySchedule.reason}
    listed = [set(reasons.split("|")) for rule in RULES for reasons in re.findall(r'reason=~"([^"]+)"', rule["expr"])]
    assert listed == [ours, ours]
