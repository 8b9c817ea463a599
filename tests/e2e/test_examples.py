"""The examples: applied, waited for, and asked in each of their wire formats by the curl lines of `serve`."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from real_cluster.kubectl import Kube, Object
from real_cluster.report import Report

from modelport.discovery import fetch_operations
from modelport.local.keys import Key
from modelport.local.summary import format_curl

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
NAMES = [yaml.safe_load(path.read_text())["metadata"]["name"] for path in EXAMPLES]


@pytest.fixture(scope="module")
def applied(kube: Kube, example: Callable[..., Object]) -> Kube:
    """Apply all examples at once."""
    kube.apply(*(example(name) for name in NAMES))
    return kube


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_in_each_of_its_formats(name: str, applied: Kube, report: Report, tmp_path: Path) -> None:
    applied.wait_ready(name, 240)
    manifest = applied.get(f"pm/{name}")
    anonymous = manifest["spec"].get("access", {}).get("anonymous", False)
    key = None if anonymous else Key(manifest["spec"]["model"].get("name", name), "default", applied.key(name))
    table = report.table("Examples", "resource", "API", "answer")
    with applied.forwarded(f"service/{name}", 80) as base:
        operations = asyncio.run(fetch_operations(base))
        answered = set()
        for operation in operations:
            if operation.api in answered:
                continue
            line = format_curl([operation], operation.model, key, tmp_path)
            assert line
            command = f"{line} --fail-with-body --silent --show-error"
            done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
            answer = json.dumps(json.loads(done.stdout))
            answered.add(operation.api)
            table.rows.append((name, operation.api, f"`{answer if len(answer) < 80 else f'{answer[:77]}...'}`"))
    served = {each["api"] for each in manifest["status"]["endpoints"]}
    assert answered == served


def test_kubectl_shows_them(applied: Kube) -> None:
    lines = applied("get", "pm").splitlines()
    head, rows = lines[0].split(), [line.split() for line in lines[1:]]
    assert [row[head.index("NAME")] for row in rows] == sorted(NAMES)
    assert {row[head.index("STATE")] for row in rows} == {"Serving"}, "\n".join(lines)


def test_they_go_with_their_resources(applied: Kube) -> None:
    applied("delete", "pm", "--all", "--wait", "--timeout=60s")
    applied("wait", "--for=delete", "pods", "-l", "app.kubernetes.io/name=modelport-model", "--timeout=90s")
    ours = ("-l", "app.kubernetes.io/managed-by=modelport")
    assert applied("get", "secrets,configmaps,services,pdb", *ours, "-o", "name") == ""
