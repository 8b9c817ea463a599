"""The health expressions for Flux (CEL) and Argo CD (Lua), as they stand on the page, judge as the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celpy
import pytest
import yaml
from lupa.lua54 import LuaRuntime

PAGE = (Path(__file__).parents[3] / "docs" / "guides" / "gitops.md").read_text()
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
(FLUX,) = (rule for block in BLOCKS for rule in block.get("spec", {}).get("healthCheckExprs", []))
(LUA,) = (
    text
    for block in BLOCKS
    for name, text in block.get("data", {}).items()
    if name == "resource.customizations.health.modelport.io_PublishedModel"
)


def resource(state: str, ready: str, reason: str, observed: int = 3) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": "why"}
    progressing = {"type": "Progressing", "status": "False", "reason": "Complete", "message": ""}
    status = {"observedGeneration": observed, "state": state, "conditions": [progressing, condition]}
    return {"metadata": {"generation": 3}, "status": status}


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "not seen yet": ({"metadata": {"generation": 1}, "status": {}}, "inProgress", "Progressing"),
    "a newer spec": (resource("Serving", "True", "Serving", observed=2), "inProgress", "Progressing"),
    "serves": (resource("Serving", "True", "Serving"), "current", "Healthy"),
    "rolls out": (resource("Updating", "True", "Serving"), "current", "Healthy"),
    "closed": (resource("Stopped", "False", "StoppedBySchedule"), "current", "Suspended"),
    "scaled to none": (resource("Stopped", "False", "NoInstances"), "current", "Suspended"),
    "failed": (resource("Failed", "False", "DownloadFailed"), "failed", "Degraded"),
    "loads": (resource("Loading", "False", "Loading"), "", "Progressing"),
    "waits for a GPU": (resource("WaitingForGPU", "False", "WaitingForGPU"), "", "Progressing"),
    "answers, but not as told": (resource("Degraded", "True", "Serving"), "current", "Degraded"),
}


def judged_by_flux(found: dict[str, Any]) -> Iterator[str]:
    """Yield the first expression that holds, in Flux' order."""
    environment = celpy.Environment()
    for name in ("inProgress", "failed", "current"):
        program = environment.program(environment.compile(FLUX[name]))
        if program.evaluate({key: celpy.json_to_cel(value) for key, value in found.items()}):
            yield name
            return


@pytest.mark.parametrize(("found", "flux", "_argo"), CASES.values(), ids=CASES)
def test_flux_judges(found: dict[str, Any], flux: str, _argo: str) -> None:
    assert "".join(judged_by_flux(found)) == flux


@pytest.mark.parametrize(("found", "_flux", "argo"), CASES.values(), ids=CASES)
def test_argo_judges(found: dict[str, Any], _flux: str, argo: str) -> None:
    lua = LuaRuntime()
    judge = lua.eval(f"function(obj) {LUA} end")
    assert judge(lua.table_from(found, recursive=True))["status"] == argo
