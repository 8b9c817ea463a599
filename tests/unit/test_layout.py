"""The folder `operator/` must never hide the standard library's module of that name."""

from __future__ import annotations

import operator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_operator_is_the_standard_librarys() -> None:
    assert not hasattr(operator, "__path__")
    assert operator.itemgetter(0)("a") == "a"


def test_the_source_folders_are_no_packages() -> None:
    assert not [*ROOT.glob("operator/*.py"), *ROOT.glob("runtime/*.py")]


def test_no_test_lies_below_the_source_folders() -> None:
    below = [path for folder in ("operator", "runtime") for path in (ROOT / folder).rglob("*.py")]

    assert below
    assert not [path for path in below if path.name.startswith("test_") or path.name == "conftest.py"]


def test_test_folders_are_no_packages() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
