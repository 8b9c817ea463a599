"""The page of the command line is what the parsers say."""

from __future__ import annotations

from pathlib import Path

from modelport.cli import COMMANDS
from modelport.cli_reference import build_page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def test_the_page_is_what_the_code_makes() -> None:
    assert PAGE.read_text() == build_page(), "run: make generate"


def test_every_command_has_a_section() -> None:
    sections = [line.split()[2].strip("`") for line in build_page().splitlines() if line.startswith("## ")]
    assert sections == list(COMMANDS)


def test_a_bar_in_a_table_is_escaped() -> None:
    rows = [line for line in build_page().splitlines() if line.startswith("| ")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {3}
