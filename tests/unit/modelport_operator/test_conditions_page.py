"""The page of conditions names each condition and each reason that the code knows, and no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelport_operator
from modelport.api.status import State
from modelport_operator.events import CALM
from modelport_operator.status import STATES
from modelport_operator.status.conditions import CONDITIONS

PACKAGE = Path(modelport_operator.__file__).parent
PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "conditions.md").read_text()
REASONS = {"Finding": 1, "Cause": 0, "_ended": 2, "Refused": 2}
"""Which argument of a call is a reason."""
CAMEL_CASE = re.compile(r"[A-Z][A-Za-z]+")


def reasons_of(code: str) -> Iterator[str]:
    """Yield the reasons that a module writes out."""
    for node in ast.walk(ast.parse(code)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REASONS):
            continue
        reason = node.args[REASONS[node.func.id]]
        if isinstance(reason, ast.JoinedStr):
            yield f"{ast.literal_eval(reason.values[0])}…"
        else:
            texts = (str(part.value) for part in ast.walk(reason) if isinstance(part, ast.Constant))
            yield from (text for text in texts if CAMEL_CASE.fullmatch(text))


def section(title: str) -> str:
    """Return what the page says below a heading."""
    return re.split(r"^## ", PAGE.partition(f"## {title}\n")[2], flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


def test_every_reason_is_told() -> None:
    files = [*(PACKAGE / "status").glob("*.py"), PACKAGE / "cluster.py", PACKAGE / "keys.py"]
    known = {reason for path in files for reason in reasons_of(path.read_text())} | {"Open", "Closed"}
    told = {row[0] for row in rows(section("Reasons"))[1:]}
    assert told == known


def test_every_condition_is_told_in_the_order_of_the_status() -> None:
    assert [row[0] for row in rows(section("Conditions"))[1:]] == [name for name, _ in CONDITIONS]


def test_every_state_is_told() -> None:
    assert {row[0] for row in rows(section("State"))[1:]} == set(State.__args__)


@pytest.mark.parametrize("reason", sorted({*CALM, *STATES}))
def test_a_reason_that_code_looks_at_is_one_that_is_set(reason: str) -> None:
    assert reason in {*(row[0] for row in rows(section("Reasons"))[1:]), "Unschedulable", "SchedulerError"}
