"""Conversions by the real converters, which need interpreters with libraries of several hundred megabytes.

    MODELPORT_SAVEDMODEL_PYTHON=… MODELPORT_NNP_PYTHON=… pytest -m converters tests/converters

Run only when asked so; then a converter that is missing is a failure (docs/decisions/0003-converters.md).
"""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "converters: needs the converters' own interpreters")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if config.getoption("markexpr") == "converters" else True
