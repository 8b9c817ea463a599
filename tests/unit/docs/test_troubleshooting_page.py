"""The guide has an entry for each reason that says something is wrong, as the reference lists them."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = (DOCS / "guides" / "troubleshooting.md").read_text()
REFERENCE = (DOCS / "reference" / "conditions.md").read_text()
"""Itself held against the code, by tests/unit/modelport_operator/test_conditions_page.py."""


def test_every_reason_of_trouble_has_an_entry() -> None:
    reasons = REFERENCE.partition("## Reasons")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in reasons.splitlines() if line[:1] == "|"]
    wrong = {row[0].strip("`") for row in rows[2:] if {"False", "Unknown"} & set(re.split(r"\W+", row[2]))}
    wrong -= {"Complete"}  # of Progressing, where False is well
    kubernetes = {*re.findall(r"`([A-Z][A-Za-z]+)`", reasons.partition("The others are these")[0])}
    told = {
        reason
        for line in GUIDE.partition("## It is Ready")[0].splitlines()
        if line.startswith("| `")
        for reason in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    assert told == wrong | kubernetes


def test_every_condition_has_its_part() -> None:
    conditions = re.findall(r"^\| `([A-Z]\w+)` \|", REFERENCE.partition("## Reasons")[0], re.MULTILINE)
    parts = {name for line in re.findall(r"^### (.+)$", GUIDE, re.MULTILINE) for name in line.split(", ")}
    assert conditions
    assert parts == set(conditions) - {"Scheduled"}  # which has no reason of trouble
