"""The dashboards as Grafana's own types read them: nothing that it needs is missing, and it knows all of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.monitoring, pytest.mark.timeout(600)]  # the first one may build the program

REPOSITORY = Path(__file__).parents[2]
DASHBOARDS = sorted((REPOSITORY / "charts" / "modelport" / "dashboards").glob("*.json"))

Read = Callable[[Any], Any]


class NotGrafanas(ValueError):
    """Grafana's types do not take a dashboard; the message is a line for each fault, with its path."""


@pytest.fixture(scope="session")
def read() -> Read:
    """Give a function that returns what Grafana makes of a dashboard, or raises NotGrafanas."""
    module = Path(__file__).parent / "tools" / "grafana"
    built = subprocess.run([REPOSITORY / "scripts" / "go-program", module], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    program = built.stdout.strip()

    def run(dashboard: Any) -> Any:
        done = subprocess.run([program], input=json.dumps(dashboard), capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotGrafanas(done.stderr)
        return json.loads(done.stdout)

    return run


def lost(ours: Any, grafanas: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each thing of ours that is not in what Grafana read; an empty list is as good as none."""
    match ours, grafanas:
        case dict(), dict():
            for name, value in ours.items():
                if name in grafanas:
                    yield from lost(value, grafanas[name], f"{path}.{name}")
                elif value != []:
                    yield f"{path}.{name}"
        case list(), list() if len(ours) == len(grafanas):
            for at, pair in enumerate(zip(ours, grafanas, strict=True)):
                yield from lost(*pair, f"{path}[{at}]")
        case _:
            if ours != grafanas:
                yield path


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafana_takes_all_of_a_dashboard(path: Path, read: Read) -> None:
    dashboard = json.loads(path.read_text())
    assert list(lost(dashboard, read(dashboard))) == []


def broken(change: Callable[[Any], None]) -> Any:
    dashboard = json.loads(DASHBOARDS[0].read_text())
    change(next(panel for panel in dashboard["panels"] if panel["type"] == "stat"))
    return dashboard


def test_an_unknown_option_is_found(read: Read) -> None:
    with pytest.raises(NotGrafanas, match=r"options.*colourMode"):
        read(broken(lambda panel: panel["options"].update(colourMode="value")))


def test_a_missing_option_is_found(read: Read) -> None:
    with pytest.raises(NotGrafanas, match=r"options\.colorMode: required field is missing"):
        read(broken(lambda panel: panel["options"].pop("colorMode")))


def test_a_value_of_another_type_is_found(read: Read) -> None:
    with pytest.raises(NotGrafanas, match="graphMode"):
        read(broken(lambda panel: panel["options"].update(graphMode=1)))


def test_an_unknown_setting_of_a_query_is_found(read: Read) -> None:
    with pytest.raises(NotGrafanas, match="legendFromat"):
        read(broken(lambda panel: panel["targets"][0].update(legendFromat="x")))


def test_an_unknown_default_of_a_field_is_found(read: Read) -> None:
    dashboard = broken(lambda panel: panel["fieldConfig"]["defaults"].update(untit="s"))
    (path,) = lost(dashboard, read(dashboard))
    assert path.endswith(".fieldConfig.defaults.untit")
