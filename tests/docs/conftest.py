"""Commands of the guides, on real servers: run only when asked for, by `make test-docs`, since they take minutes."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "docs: types the commands of the guides, on ports 8080, 9090 and 9091")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if config.getoption("markexpr") == "docs" else True
